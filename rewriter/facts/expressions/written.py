"""Expressions for `__init__`, put together from others."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

_COMPUTES: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_FAR = 10**18
"""Numbers beyond it are as good as it, and no power of them is computed."""


def range_to(number: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("range"), [number], [])


def is_range(members: ast.expr) -> bool:
    return isinstance(members, ast.Call) and ast.unparse(members.func) == "range"


def length_of(members: ast.expr) -> ast.expr:
    if isinstance(members, ast.Call) and is_range(members) and len(members.args) == 1:
        return members.args[0]
    return ast.Call(ast.Name("len"), [members], [])


def times(number: int | ast.expr) -> ast.expr:
    """What has that many members: `range(n)`, or `xs` for `len(xs)`."""
    if isinstance(number, int):
        return range_to(ast.Constant(number))
    is_length = isinstance(number, ast.Call) and ast.unparse(number.func) == "len"
    return number.args[0] if is_length and isinstance(number, ast.Call) else range_to(number)


def sum_of(parts: list[ast.expr | int | None]) -> ast.expr | None:
    """As long as all parts together; None where one cannot be told, or there is nothing."""
    number = sum(part for part in parts if isinstance(part, int))
    lists = [part for part in parts if isinstance(part, ast.expr)]
    if None in parts or not (number or lists):
        return None
    if len(lists) == 1 and not number:
        return lists[0]
    total: ast.expr | None = ast.Constant(number) if number else None
    for part in lists:
        total = length_of(part) if total is None else ast.BinOp(total, ast.Add(), length_of(part))
    return None if total is None else range_to(total)


def or_one(node: ast.expr) -> ast.expr:
    """`self or range(1)`: what somebody else may fill later has one member to copy then."""
    return ast.BoolOp(ast.Or(), [node, range_to(ast.Constant(1))])


def if_there(node: ast.expr) -> ast.expr:
    """`getattr(self, "blocks", None) or range(1)`: some objects have no such list, or get it later."""
    assert isinstance(node, ast.Attribute)
    return or_one(ast.Call(ast.Name("getattr"), [node.value, ast.Constant(node.attr), ast.Constant(None)], []))


def is_bare(node: ast.AST, own: str) -> bool:
    """Whether the object itself is run over, and no attribute of it."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Attribute) and is_bare(node.value, own)
    return (isinstance(node, ast.Name) and node.id == own) or any(is_bare(c, own) for c in ast.iter_child_nodes(node))


def parts_of(node: ast.Slice) -> list[ast.expr]:
    return [p for p in (node.lower, node.upper, node.step) if p is not None]


def with_parts(node: ast.Slice, parts: dict[ast.expr, ast.expr | None]) -> ast.Slice:
    lower, upper, step = (None if p is None else parts[p] for p in (node.lower, node.upper, node.step))
    return ast.Slice(lower, upper, step)


def all_known(parts: list[ast.expr | None]) -> list[ast.expr] | None:
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else None


def agreed(parts: list[ast.expr | None]) -> ast.expr | None:
    """What all of them say; None where one says nothing, or another thing."""
    said = {ast.dump(part) if part is not None else None for part in parts}
    return parts[0] if len(said) == 1 else None


def count_of(members: ast.expr) -> int | None:
    """How many members a range of numbers that are written out has: `range(1, 10**9)`."""
    if not isinstance(members, ast.Call) or not is_range(members) or members.keywords:
        return None
    numbers = [_number(node) for node in members.args]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers) or not 1 <= len(known) <= 3 or (len(known) == 3 and known[2] == 0):
        return None
    turns = range(*known)
    return max(0, -(-(turns.stop - turns.start) // turns.step))  # len() takes no more than a machine's word


def _number(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant):
        return min(node.value, _FAR) if isinstance(node.value, int) else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _number(node.operand)
        return None if operand is None else -operand
    if not isinstance(node, ast.BinOp) or type(node.op) not in _COMPUTES:
        return None
    left, right = _number(node.left), _number(node.right)
    if left is None or right is None or (isinstance(node.op, ast.FloorDiv) and right == 0):
        return None
    if isinstance(node.op, ast.Pow) and not 0 <= right <= 64:
        return _FAR if right > 64 and left > 1 else None
    return max(-_FAR, min(_COMPUTES[type(node.op)](left, right), _FAR))
