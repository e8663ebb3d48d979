"""Which expressions mean the same in `__init__` as at the call."""

from __future__ import annotations

import ast

from rewriter.facts.project import Function
from rewriter.facts.trees import walk
from rewriter.torch_api import tensors


def is_constant(node: ast.expr, function: Function) -> bool:
    """A literal, or a name of torch's own such as `torch.float32`; arithmetic on literals counts as one."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return is_constant(node.operand, function)
    if isinstance(node, ast.BinOp):
        return is_constant(node.left, function) and is_constant(node.right, function)
    if isinstance(node, ast.Tuple | ast.List):
        return all(is_constant(e, function) for e in node.elts)
    if isinstance(node, ast.Attribute):
        name = function.full_name(node, function.locals)
        return name is not None and tensors.is_constant(name)
    return False


def reads_names(node: ast.expr) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name)}
