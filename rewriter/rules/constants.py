"""Which expressions mean the same in `__init__` as at the call, and the same when they are evaluated again."""

from __future__ import annotations

import ast

from rewriter.python.code import Function, FunctionNode
from rewriter.python.names import bound_names
from rewriter.python.trees import named_parameters, walk
from rewriter.torch_api import tensors

_PURE = frozenset({"int", "float", "bool", "len", "min", "max", "round", "tuple", "list", "str"})


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


def is_repeatable(expression: ast.expr, function: FunctionNode) -> bool:
    """Running the expression again, later in the function, returns an equal object."""
    if not isinstance(expression, ast.Call):
        return False
    calls = [n for n in walk(expression) if isinstance(n, ast.Call) and n is not expression]
    if any(not (isinstance(c.func, ast.Name) and c.func.id in _PURE) for c in calls):
        return False
    if any(isinstance(n, ast.NamedExpr | ast.Await | ast.Yield | ast.Lambda) for n in walk(expression)):
        return False
    rebound = [
        name for statement in walk(function) if isinstance(statement, ast.stmt) for name in _bound_here(statement)
    ]
    parameters = {a.arg for a in named_parameters(function.args)}
    return all(rebound.count(name) <= (0 if name in parameters else 1) for name in reads_names(expression))


def _bound_here(statement: ast.stmt) -> set[str]:
    """What the statement itself binds, not the statements inside it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    inner = {n for s in walk(statement) if isinstance(s, ast.stmt) and s is not statement for n in bound_names(s)}
    return bound_names(statement) - inner
