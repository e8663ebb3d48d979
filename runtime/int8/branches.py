"""Which statements of a function one run has left out, and whether a tensor might go through them."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any

from torch import nn

from runtime.int8.counterparts.base import Int8Module
from runtime.int8.rearranging import rearranges, source_of
from runtime.quantization.adjacency import SHAPES_ONLY

_LEAVES = (ast.Raise, ast.Return, ast.Continue, ast.Break)
_NO_TENSORS = (ast.Raise, ast.Assert, ast.Pass, ast.Break, ast.Continue, ast.Import, ast.ImportFrom)
_NO_NAMES = (ast.Global, ast.Nonlocal, ast.Delete)
_COMPUTING = (ast.Call, ast.BinOp, ast.Await, ast.Yield, ast.YieldFrom)
_QUESTIONS = ("isinstance", "len", "hasattr", "torch.jit.is_", "torch.compiler.is_", "torch.onnx.is_")
"""Calls that tell something of a tensor but what is in it."""
_TRAINING = ("self.training", "training")
"""The second is the parameter by which torch's functions, and those written like them, are told the same."""
_SIZES = (".shape", ".ndim", ".dim(", ".size(", "len(")
_OWN_CODE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def way_left_out(code: CodeType, lines: set[int], owner: object) -> int:
    """The line of a way that tensors might take through `code` and that a run of these lines has not taken, or 0.

    `owner` is the function's `self`. Conditions on attributes of `self` alone are how the model is built: that they
    hold as they do decides which modules are called. Operations that are not modules count all the same.
    """
    try:
        source, start = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(source)))
    except (OSError, SyntaxError, TypeError):
        return code.co_firstlineno
    ast.increment_lineno(tree, start - 1)
    function = tree.body[0]
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _conditional(function, owner)
    return next((line for line in _ways(function.body, lines, owner) if line), 0)


def _ways(body: Sequence[ast.stmt], lines: set[int], owner: object) -> Iterator[int]:
    for number, statement in enumerate(body):
        if isinstance(statement, _OWN_CODE):
            continue
        if not _ran(statement, lines):
            yield statement.lineno if _takes_tensors(statement, owner) else 0
            continue
        blocks = _blocks(statement)
        if isinstance(statement, (ast.If, ast.Match)):
            yield _skipped(statement, blocks, lines)
        fixed = isinstance(statement, ast.If) and _holds(statement.test, owner) is not None
        for block in blocks:
            if _only_in_training(statement, block):
                continue
            if not (fixed and not _ran(block[0], lines) and _calls_modules(block, owner)):
                yield from _ways(block, lines, owner)
        for expression in _expressions(statement):
            yield _conditional(expression, owner)
        left = any(isinstance(block[-1], _LEAVES) and _ran(block[-1], lines) for block in blocks)
        if left and isinstance(statement, ast.If) and _in_eval(statement.test):
            return
        if fixed and left and _calls_modules(body[number + 1 :], owner):
            return


def _ran(statement: ast.stmt, lines: set[int]) -> bool:
    """A statement's first expression runs if it does, on one of its lines."""
    inner = [line for block in _blocks(statement) for inner in block for line in _span(inner)]
    return any(line in lines for line in _span(statement) if line not in inner)


def _span(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The statements inside of a statement, a way each."""
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [part.body for name in ("handlers", "cases") for part in getattr(statement, name, [])]
    return [block for block in blocks if block]


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    return (child for child in ast.iter_child_nodes(statement) if isinstance(child, (ast.expr, ast.withitem)))


def _skipped(statement: ast.If | ast.Match, blocks: list[list[ast.stmt]], lines: set[int]) -> int:
    """The line, where a condition on more than `self` held: what if it had not? A block that was left out is looked
    at by itself, and so is what stands behind one that leaves the function."""
    condition = statement.test if isinstance(statement, ast.If) else statement.subject
    closed = isinstance(statement, ast.If) and bool(statement.orelse)
    ran = any(_ran(inner, lines) and _takes_tensors(inner, None) for block in blocks for inner in block)
    leaves = isinstance(blocks[0][-1], _LEAVES)
    return statement.lineno if ran and not closed and not leaves and _names(condition) - {"self"} else 0


def _only_in_training(statement: ast.stmt, block: list[ast.stmt]) -> bool:
    """Whether a block cannot be reached in eval mode, in which alone a model computes on integers."""
    if not isinstance(statement, ast.If):
        return False
    return _in_eval(statement.test) if block is statement.orelse else _asks_for_training(statement.test)


def _in_eval(test: ast.expr) -> bool:
    """Whether a condition holds in eval mode whatever else holds."""
    if isinstance(test, ast.BoolOp):
        holds = [_in_eval(value) for value in test.values]
        return all(holds) if isinstance(test.op, ast.And) else any(holds)
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and _asks_for_training(test.operand)


def _asks_for_training(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp):
        asks = [_asks_for_training(value) for value in test.values]
        return any(asks) if isinstance(test.op, ast.And) else all(asks)
    return ast.unparse(test) in _TRAINING


def _conditional(node: ast.AST, owner: object) -> int:
    """The line of an expression inside that is one of several ways: `a if b else c`, `a and b`."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.IfExp):
            holds = _holds(inner.test, owner)
            ways = [inner.body, inner.orelse] if holds is None else [inner.orelse if holds else inner.body]
            if source_of(inner.body) == source_of(inner.orelse) is not None:
                continue
            if any(not isinstance(way, ast.Constant) and not _harmless(way, owner) for way in ways):
                return inner.lineno
        elif isinstance(inner, ast.BoolOp) and any(_computes(way, owner) for way in _in_doubt(inner)):
            return inner.lineno
    return 0


def _in_doubt(test: ast.BoolOp) -> Iterator[ast.expr]:
    """The parts that are asked or not, as those before them hold; none of them behind what eval mode decides."""
    decides = _asks_for_training if isinstance(test.op, ast.And) else _in_eval
    for before, part in itertools.pairwise(test.values):
        if decides(before):
            return
        yield part


def _holds(test: ast.expr, owner: object) -> bool | None:
    """A condition on attributes of `self` alone; None for any other."""
    plain = (ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.BoolOp, ast.Compare)
    parts = (*plain, ast.expr_context, ast.unaryop, ast.boolop, ast.cmpop)
    nodes = list(ast.walk(test))
    if not all(isinstance(node, parts) for node in nodes) or _names(test) - {"self"}:
        return None
    try:
        return bool(eval(compile(ast.Expression(test), "", "eval"), {"__builtins__": {}}, {"self": owner}))
    except Exception:
        return None


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _takes_tensors(statement: ast.stmt, owner: object) -> bool:
    if isinstance(statement, (*_NO_TENSORS, *_NO_NAMES)) or rearranges(statement):
        return False
    blocks = _blocks(statement)
    if blocks:
        inside = any(_takes_tensors(inner, owner) for block in blocks for inner in block)
        return inside or any(_computes(expression, owner) for expression in _expressions(statement))
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if isinstance(statement, ast.AugAssign) or any(isinstance(target, ast.Subscript) for target in targets):
        return True
    value = getattr(statement, "value", None)
    return value is not None and not isinstance(value, ast.Constant) and not _harmless(value, owner)


def _calls_modules(block: Sequence[ast.stmt], owner: object) -> bool:
    """Whether a block does no more than that, and move tensors; and all of them are modules that take codes well."""
    nodes = [node for statement in block for node in ast.walk(statement)]
    plain = all(isinstance(statement, (ast.Assign, ast.Return, ast.Expr)) for statement in block)
    calculates = any(isinstance(node, (ast.BinOp, ast.Compare)) for node in nodes)
    return plain and not calculates and all(_on_codes(node, owner) for node in nodes if isinstance(node, ast.Call))


def _on_codes(call: ast.Call, owner: object) -> bool:
    moves = isinstance(call.func, ast.Attribute) and call.func.attr in SHAPES_ONLY
    return moves or _harmless(call, owner) or _takes_codes(_attribute(call.func, owner)[1])


def _takes_codes(value: object) -> bool:
    """Or refuses them: a module without others inside does either, one with some that are on codes has run."""
    return isinstance(value, nn.Module) and (
        not any(value.children()) or any(isinstance(module, Int8Module) for module in value.modules())
    )


def _computes(node: ast.AST, owner: object) -> bool:
    """Whether an expression calls or calculates anything, other than with sizes."""
    if isinstance(node, ast.Call) and _harmless(node, owner):
        return False
    if isinstance(node, ast.Compare) and not isinstance(node.ops[0], (ast.Is, ast.IsNot, ast.In, ast.NotIn)):
        return not any(size in ast.unparse(node) for size in _SIZES)
    return isinstance(node, _COMPUTING) or any(_computes(inner, owner) for inner in ast.iter_child_nodes(node))


def _harmless(node: ast.expr, owner: object) -> bool:
    """Whether it begins with calling an attribute of `self` that is None, or is a question that needs no tensor."""
    if not isinstance(node, ast.Call):
        return False
    found, value = _attribute(node.func, owner)
    return (found and value is None) or ast.unparse(node.func).startswith(_QUESTIONS)


def _attribute(node: ast.expr, owner: object) -> tuple[bool, Any]:
    """What `self.a.b` is, where it is there."""
    if isinstance(node, ast.Name):
        return node.id == "self", owner
    if not isinstance(node, ast.Attribute):
        return False, None
    found, value = _attribute(node.value, owner)
    if not found or not hasattr(value, node.attr):
        return False, None
    return True, getattr(value, node.attr)
