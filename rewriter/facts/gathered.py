"""Comprehensions over an object's own modules, and whether one more of them could change what they make."""

from __future__ import annotations

import ast

from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.trees import children, walk
from rewriter.facts.walk_turns import Turn

Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def is_settled_comprehension(hierarchy: Hierarchy, cls: Class, method: Function, node: Comprehension) -> bool:
    """`[m for m in self.modules() if isinstance(m, nn.Linear)]`, `any(hasattr(m, "mark") for m in self.modules())`."""
    first, *inner = node.generators
    turn = Turn.of_loop(hierarchy, cls, method, first)
    if "" in turn.names:
        return False
    for test in first.ifs:
        if not turn.is_without_effect(test):
            return False
        if turn.excludes(test):
            return True
    if inner and turn.has_none(inner[0].iter):
        return True
    return not inner and not isinstance(node, ast.DictComp) and _decides_nothing(turn, node.elt, _reader(method, node))


def _reader(method: Function, node: Comprehension) -> str:
    """The built-in function that is handed what the comprehension makes, and nothing else."""
    for call in walk(method.node):
        if isinstance(call, ast.Call) and any(argument is node for argument in children(call)):
            alone = isinstance(call.func, ast.Name) and len(call.args) == 1 and not call.keywords
            return call.func.id if alone and isinstance(call.func, ast.Name) else ""
    return ""


def _decides_nothing(turn: Turn, element: ast.expr, reader: str) -> bool:
    """Whether a new module adds False to `any` or `sum`, or True to `all`."""
    if reader == "all":
        first = element.values[0] if isinstance(element, ast.BoolOp) and isinstance(element.op, ast.Or) else element
        if not isinstance(first, ast.UnaryOp) or not isinstance(first.op, ast.Not):
            return False
        return turn.is_without_effect(first) and turn.excludes(first.operand)
    if not turn.is_without_effect(element) or not turn.excludes(element):
        return False
    is_bool = isinstance(element, ast.Compare) or (
        isinstance(element, ast.Call) and isinstance(element.func, ast.Name) and element.func.id != "getattr"
    )
    return reader == "any" or (reader == "sum" and is_bool)
