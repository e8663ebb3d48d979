"""Methods that can be told which of their calls is running."""

from __future__ import annotations

import ast

from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import own_name
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES


def may_take_number(knowledge: Knowledge, cls: Class, method: Function) -> bool:
    """Whether a new parameter is in nobody's way: no override lacks it, and no decorator sees it."""
    hierarchy, name = knowledge.hierarchy, method.node.name
    others = [*hierarchy.lineage(cls).project[1:], *hierarchy.subclasses(cls)]
    overridden = any(name in other.methods for other in others)
    plain = isinstance(method.node, ast.FunctionDef) and not method.node.decorator_list and own_name(method) is not None
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in walk(method.node))
    return plain and name not in MODULE_ATTRIBUTES and not yields and not overridden


def is_private(method: Function) -> bool:
    """Code elsewhere may override or replace a method with a public name, by one that does not take the number."""
    name = method.node.name
    return name.startswith("_") and not name.endswith("__")


def number_parameter(method: Function) -> str:
    taken = {*method.locals, *(n.id for n in walk(method.node) if isinstance(n, ast.Name))}
    return next(name for name in ("call", "nth", "call_index", "call_number") if name not in taken)
