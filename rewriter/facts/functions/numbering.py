"""Methods that can be told which of their calls is running."""

from __future__ import annotations

import ast

from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.base import UNKNOWN, Known
from rewriter.values.run_again import RunsAgain

PARAMETERS = ("call", "nth", "call_index", "call_number")


def may_take_number(knowledge: Known, cls: Class, method: Function) -> bool:
    """Whether a new parameter is in nobody's way: no override has one of that name, and no decorator sees it."""
    hierarchy, name = knowledge.hierarchy, method.node.name
    others = [*hierarchy.lineage(cls).project[1:], *hierarchy.subclasses(cls)]
    overrides = [other.methods[name] for other in others if name in other.methods]
    taken = any(a.arg in PARAMETERS for other in overrides for a in other.node.args.kwonlyargs)
    plain = isinstance(method.node, ast.FunctionDef) and not method.node.decorator_list and own_name(method) is not None
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in walk(method.node))
    hidden = not is_private(method) and method.node.args.kwarg is not None  # there it would hide what others pass
    kept = [name for relative in [cls, *others] for name in _handed_on(knowledge, relative)]
    return plain and name not in {*MODULE_ATTRIBUTES, *kept} and not yields and not taken and not hidden


def _handed_on(knowledge: Known, cls: Class) -> set[str]:
    """The attributes that a class does more with than call: who is given a method may ask what it takes."""
    calls = [n for n in walk(cls.node) if isinstance(n, ast.Call)]
    called = {id(n.func) for n in calls}
    called |= {id(n.args[0]) for n in calls if len(n.args) in (1, 2) and _only_calls(knowledge, cls, n.func)}
    return {n.attr for n in walk(cls.node) if isinstance(n, ast.Attribute) and id(n) not in called}


def _only_calls(knowledge: Known, cls: Class, func: ast.expr) -> bool:
    """`runtime.modules.nth(self.mix, 1)` or `self.again[i](self.mix)`"""
    held = func.value if isinstance(func, ast.Subscript) else func
    if not isinstance(held, ast.Attribute):
        return False
    value = knowledge.attribute(cls, held.attr) if isinstance(held.value, ast.Name) else UNKNOWN
    is_again = any(isinstance(part, RunsAgain) for part in (*value.parts, *value.held))
    return is_again or ast.unparse(func).endswith("modules.nth")


def is_overridden(knowledge: Known, cls: Class, method: Function) -> bool:
    return any(method.node.name in other.methods for other in knowledge.hierarchy.subclasses(cls))


def is_private(method: Function) -> bool:
    """Code elsewhere may override or replace a method with a public name, by one that does not take the number."""
    name = method.node.name
    return name.startswith("_") and not name.endswith("__")


def number_parameter(method: Function, *others: str) -> str:
    nodes = list(walk(method.node))
    taken = {*method.locals, *others, *(n.id for n in nodes if isinstance(n, ast.Name))}
    taken |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return next(name for name in PARAMETERS if name not in taken)
