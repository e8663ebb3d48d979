"""Comparisons of the new module, its name and its class with what both runs have."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from rewriter.facts.walks.classes_asked_for import names_asked
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.things import (
    ANY,
    CLASS,
    CLASS_NAME,
    MODULE,
    NAME,
    NEW,
    NONE,
    POSITIVE,
    SAME,
    Const,
    Grown,
    Pair,
    Texts,
    Value,
    is_settled,
)

_MADE_HERE = frozenset({"torch.nn.Module", "torch.nn.ModuleList"})
"""Besides the classes without parameters: what the modules that the rewriter makes are instances of."""
_NEW_NAMES = ("ModuleList", "Function", "Call", "Ops")
"""What new modules are called in part that hold others; a module for an operation is kept away by its own name."""
_EQUAL = ast.Eq | ast.Is | ast.In
_UNEQUAL = ast.NotEq | ast.IsNot | ast.NotIn
_OF_CONSTANTS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
}  # fmt: skip


def compared(run: Runner, node: ast.Compare, frame: Frame) -> Value:
    left = run.value(run, node.left, frame)
    rights = [_looked_at(run, part, frame) for part in node.comparators]
    if len(rights) > 1:
        return SAME if all(map(is_settled, [left, *rights])) else ANY
    op, right, asked = node.ops[0], rights[0], node.comparators[0]
    among = right.items if isinstance(right, Pair) and isinstance(op, ast.In | ast.NotIn) else ()
    if isinstance(left, Const) and among and all(isinstance(item, Const) for item in among):
        return Const((left in among) is isinstance(op, ast.In))
    if isinstance(left, Const) and isinstance(right, Const) and type(op) in _OF_CONSTANTS:
        return _of_constants(op, left, right)
    if left is POSITIVE and right in (Const(0), Const(1)):
        return _of_length(op, int(right == Const(1)))
    if isinstance(op, _EQUAL | _UNEQUAL):
        equal = _is_equal(frame, left, right, asked, isinstance(op, ast.In | ast.NotIn))
        if equal is not None:
            return Const(equal is isinstance(op, _EQUAL))
    if isinstance(right, Grown) and isinstance(op, ast.In | ast.NotIn) and is_settled(left) and right.extra in NEW:
        return SAME  # the one that is new is no other
    return SAME if is_settled(left) and is_settled(right) else ANY


def _looked_at(run: Runner, part: ast.expr, frame: Frame) -> Value:
    """A collection that is only asked what is in it stays with whom it is."""
    if isinstance(part, ast.Name) and part.id in frame.variables:
        return frame.variables[part.id]
    return run.value(run, part, frame)


def _of_constants(op: ast.cmpop, left: Const, right: Const) -> Value:
    try:
        return Const(bool(_OF_CONSTANTS[type(op)](left.value, right.value)))
    except TypeError:
        return SAME


def _of_length(op: ast.cmpop, than: int) -> Value:
    """Of a number above zero."""
    if (isinstance(op, ast.Gt | ast.NotEq) and than == 0) or isinstance(op, ast.GtE):
        return Const(True)
    return Const(False) if (isinstance(op, ast.Eq) and than == 0) or isinstance(op, ast.Lt) else ANY


def _is_equal(frame: Frame, left: Value, right: Value, asked: ast.expr, among: bool) -> bool | None:
    """False where it is known that they are not; among: whether the right side is asked to hold the left."""
    if right == NONE and isinstance(left, Grown | Pair):
        return False
    if CLASS_NAME in (left, right) or (isinstance(left, Const) and right is CLASS_NAME):
        return _class_name_is(left, right, among)
    if right in NEW and not among:
        left, right = right, left
    if left is CLASS:
        return False if are_never_made(frame, asked) else None
    if left is NAME and not frame.knows_names and _says_texts(right):
        return None
    if left in (NAME, MODULE) and (is_settled(right) or (isinstance(right, Pair) and among)):
        in_text = among and isinstance(right, Const)
        return None if in_text and left is NAME else False
    return None


def _says_texts(right: Value) -> bool:
    parts = right.items if isinstance(right, Pair) else (right,)
    return any(isinstance(part, Const) for part in parts)


def _class_name_is(left: Value, right: Value, among: bool) -> bool | None:
    """`"Conv" in name`, `name == "Conv2d"`, `name in ("Conv2d", "Linear")`."""
    said = right if left is CLASS_NAME else left
    if among and left is CLASS_NAME and isinstance(right, Const):
        return None  # a part of a text
    if isinstance(said, Texts):
        return None if not among or any(map(is_in_new_class, said.of)) else False
    texts = said.items if isinstance(said, Pair) else (said,)
    if not texts or not all(isinstance(t, Const) and isinstance(t.value, str) and t.value for t in texts):
        return None
    return None if any(is_in_new_class(str(t.value)) for t in texts if isinstance(t, Const)) else False


def is_in_new_class(text: str) -> bool:
    return any(text in name for name in _NEW_NAMES)


def are_never_made(frame: Frame, asked: ast.expr) -> bool:
    """Classes of the project, or of torch: where code asks for them, others take their place in new modules."""
    names = names_asked(frame.hierarchy.project, frame.function, asked)
    return all(name is not None and name not in _MADE_HERE for name in names)
