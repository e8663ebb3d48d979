"""Methods that a forward calls from several places, and that can be told which of their calls is running."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import own_name
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.trees import walk
from rewriter.interpreter.run import Run


@dataclass(frozen=True)
class Numbering:
    """A method that a parameter tells which of its calls is running."""

    method: Function
    parameter: str
    calls: tuple[ast.Call, ...]
    """In source order. The first needs no number, since the parameter has 0 for its default."""


def numbered_methods(knowledge: Knowledge, cls: Class, run: Run | None) -> dict[Function, Numbering]:
    """Those of the class's own methods that its forward calls more than once, each time from another place."""
    found: dict[Function, Numbering] = {}
    if run is None or run.function is None:
        return found
    written = set(walk(run.function.node))  # others run a method, as checkpoint() does, and pass no number on
    for method, calls in run.met.calls.items():
        own = cls.methods.get(method.node.name) is method
        if (
            own
            and len(calls) > 1
            and all(calls.values())
            and calls.keys() <= written
            and _may_take_number(knowledge, cls, method)
        ):
            in_order = sorted(calls, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))
            found[method] = Numbering(method, _parameter(method), tuple(in_order))
    return found


def _may_take_number(knowledge: Knowledge, cls: Class, method: Function) -> bool:
    """Whether a new parameter is in nobody's way: no override lacks it, and no decorator sees it.

    Code elsewhere may override or replace a method with a public name, and would not take the number.
    """
    hierarchy, name = knowledge.hierarchy, method.node.name
    others = [*hierarchy.lineage(cls).project[1:], *hierarchy.subclasses(cls)]
    overridden = any(name in other.methods for other in others)
    plain = isinstance(method.node, ast.FunctionDef) and not method.node.decorator_list and own_name(method) is not None
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in walk(method.node))
    is_private = name.startswith("_") and not name.endswith("__")
    return plain and is_private and not yields and not overridden and not hierarchy.lineage(cls).unseen


def _parameter(method: Function) -> str:
    taken = {*method.locals, *(n.id for n in walk(method.node) if isinstance(n, ast.Name))}
    return next(name for name in ("call", "nth", "call_index", "call_number") if name not in taken)
