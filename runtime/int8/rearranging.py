"""Statements that bring what a name holds into another shape or order, and ask for sizes: they mean the same on codes.

A way through a function that does no more cannot bring codes to a module that does not know their scale.
"""

from __future__ import annotations

import ast

from runtime.quantization.adjacency import SHAPES_ONLY

_MOVES = SHAPES_ONLY - set("view view_as to type_as getitem".split())
"""Those that do not depend on how elements lie in memory, nor on their type."""
_SIZES, _ASKED = ("shape", "ndim"), ("size", "dim", "numel")
_PLAIN = (ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Starred)
_PARTS = (*_PLAIN, ast.UnaryOp, ast.BinOp, ast.expr_context, ast.unaryop, ast.operator)


def rearranges(statement: ast.stmt) -> bool:
    """Whether what a name holds afterwards is what it held before, moved; or numbers that are sizes."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name) and source_of(value) == target.id:
        return True
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    return all(isinstance(name, ast.Name) for name in names) and _is_of_sizes(value)


def source_of(node: ast.expr) -> str | None:
    """The name whose values an expression has, in whichever shape."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript):
        return source_of(node.value) if _tells_where(node.slice) else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _MOVES:
        return None
    operand, others = node.func.value, node.args
    if isinstance(operand, ast.Name) and operand.id == "torch":
        operand, others = (others[0], others[1:]) if others else (operand, [])
    told = [*others, *(keyword.value for keyword in node.keywords)]
    return source_of(operand) if all(map(_tells_where, told)) else None


def _tells_where(node: ast.expr) -> bool:
    """Whether it is made of names, numbers and sizes; who moves tensors takes no others."""
    return all(isinstance(inner, _PARTS) or _asks(inner) for inner in ast.walk(node))


def _asks(node: ast.AST) -> bool:
    """Whether it is a call that asks for sizes."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return (isinstance(function, ast.Attribute) and function.attr in _ASKED) or ast.unparse(function) == "len"


def _is_of_sizes(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _SIZES and _tells_where(node.value)
    if isinstance(node, ast.Subscript):
        return _is_of_sizes(node.value) and _tells_where(node.slice)
    if isinstance(node, ast.BinOp):
        return _is_of_sizes(node.left) and _is_of_sizes(node.right)
    if isinstance(node, ast.Tuple):
        return all(map(_is_of_sizes, node.elts))
    return isinstance(node, ast.Constant) or (_asks(node) and _tells_where(node))
