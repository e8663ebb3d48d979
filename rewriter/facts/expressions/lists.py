"""Loops over lists whose length is known only when they run: the features of a pyramid, the images of a batch."""

from __future__ import annotations

import ast

from rewriter.facts.expressions.given_numbers import is_given_number
from rewriter.facts.expressions.lengths import added_to
from rewriter.facts.expressions.scopes import Scope, position_of
from rewriter.python.loops import Loop, loops_around, turns_before
from rewriter.python.trees import walk
from rewriter.torch_api import catalogue
from rewriter.torch_api.row import Row
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.iterators import OVER_MEMBERS
from rewriter.values.modules import Module, ProjectModule, TorchModule
from rewriter.values.plain import Nothing
from rewriter.values.sequence import Sequence
from rewriter.values.tensor import Tensor

_PASSING_ON = ("enumerate", "reversed", "list", "tuple", "iter", "sorted")
_VIEWS = frozenset({"items", "values", "keys"})
_DIMENSIONS = frozenset({"ndim", "dim", "ndimension"})
_OF_LISTS = _VIEWS | {"append", "insert", "extend", "pop", "get"}
_DEEPEST = 8


def runs_over_list(node: ast.expr, scope: Scope, depth: int = 0) -> bool:
    """Whether each turn of a loop over `node` takes another member of a list or dict, or another dimension.

    So does one over indices, as those of the experts that are chosen: a tensor of integers that an operation has found.
    The steps of a recurrence are none: how many there are of `range(x.shape[1])` and `x.unbind(1)` says the input.
    """
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Call):
        return _call_makes_list(node, scope, depth)
    definition = scope.definition(node) if isinstance(node, ast.Name) else None
    is_open = isinstance(node, ast.Name) and scope.value(node).assumed and not _is_of_operation(definition, scope)
    if is_open and isinstance(node, ast.Name) and _is_treated_as_list(node.id, scope):
        return True
    if definition is not None and definition[1] is None:
        made = definition[0]
        if isinstance(node, ast.Name) and isinstance(made, ast.List) and not made.elts:
            return _is_filled_from_lists(node, scope, depth)
        return runs_over_list(made, scope, depth + 1)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return runs_over_list(node.value, scope, depth + 1)
    return _is_list(scope.value(node))


def takes_members(loop: Loop, scope: Scope) -> bool:
    """Whether each turn takes another member of a list by what counts the turns: `values[level]`."""
    counter = loop.counter
    if counter is None:
        return False
    taken = (n for inner in loop.inside for n in walk(inner) if isinstance(n, ast.Subscript))
    by_counter = (n.value for n in taken if isinstance(n.ctx, ast.Load) and turns_before(n.slice, counter) is not None)
    return any(isinstance(held, ast.Name) and runs_over_list(held, scope) for held in by_counter)


def _is_filled_from_lists(name: ast.Name, scope: Scope, depth: int) -> bool:
    """Whether a list that begins empty gets a member at each turn of loops over lists, and not of a recurrence."""
    store = scope.store_before(name)
    assert store is not None
    start, end = scope.lasts(store)
    function = scope.function.node
    filling = [n for n in walk(function) if added_to(n, name.id) and start <= position_of(n) < end]  # type: ignore[arg-type]
    loops = [loop for node in filling for loop in loops_around(function, node)]
    over = [loop.iter for loop in loops]
    return bool(over) and all(iter is not None and runs_over_list(iter, scope, depth + 1) for iter in over)


def _is_of_operation(definition: tuple[ast.expr, int | None] | None, scope: Scope) -> bool:
    """Whether a variable holds what an operation on tensors returns, or a module for one."""
    return definition is not None and isinstance(definition[0], ast.Call) and _takes_tensors(definition[0].func, scope)


def _takes_tensors(func: ast.expr, scope: Scope) -> bool:
    """Whether what is called is one operation, as a function or as a module, that is given tensors one by one."""
    name = scope.function.global_name(func)
    rows = [row for row, _ in catalogue.by_spelling(name)] if name is not None else _rows_of_module(func, scope)
    return bool(rows) and all(row.takes_tensors for row in rows)


def _rows_of_module(func: ast.expr, scope: Scope) -> list[Row]:
    """The operation that a module computes: `self.add`, `self.add[i]`, `ops.add`."""
    called = scope.value(func)
    owner = scope.value(func.value) if isinstance(func, ast.Attribute) else UNKNOWN
    if isinstance(owner, ProjectModule) and isinstance(func, ast.Attribute):
        called = scope.knowledge.attributes(owner.cls).get(func.attr, UNKNOWN)
    row = catalogue.by_target(called.name) if isinstance(called, TorchModule) else None
    return [] if row is None else [row]


def _call_makes_list(node: ast.Call, scope: Scope, depth: int) -> bool:
    func = node.func
    if scope.is_builtin(func, "range"):
        return any(_counts_list(argument, scope, depth) for argument in node.args)
    if scope.is_builtin(func, "zip") or scope.function.global_name(func) in OVER_MEMBERS:
        return any(runs_over_list(argument, scope, depth + 1) for argument in node.args)
    if scope.is_builtin(func, *_PASSING_ON):
        return bool(node.args) and runs_over_list(node.args[0], scope, depth + 1)
    if isinstance(func, ast.Attribute) and func.attr in _VIEWS and not node.args:
        return runs_over_list(func.value, scope, depth + 1)
    takes_steps = isinstance(func, ast.Attribute) and func.attr == "unbind"
    return not takes_steps and _is_list(scope.value(node))


def _counts_list(node: ast.expr, scope: Scope, depth: int) -> bool:
    """`len(features) - 1`, `x.ndim`, a number that the function or its object is given; directly or by a variable."""
    for part in walk(node):
        if isinstance(part, ast.Attribute) and part.attr in _DIMENSIONS:
            return True
        if is_given_number(part, scope.function):
            return True
        if isinstance(part, ast.Call) and scope.is_builtin(part.func, "len") and len(part.args) == 1:
            return runs_over_list(part.args[0], scope, depth + 1)
        definition = scope.definition(part) if isinstance(part, ast.Name) and depth < _DEEPEST else None
        if definition is not None and definition[1] is None and _counts_list(definition[0], scope, depth + 1):
            return True
    return False


def _is_treated_as_list(name: str, scope: Scope) -> bool:
    """Whether a variable of which nothing is known is run over, indexed and handed on, as a list is, and no more."""
    tree = scope.function.node
    whole = {a for n in walk(tree) for a in _taken_whole(n, scope)}
    indexed = {n.value for n in walk(tree) if isinstance(n, ast.Subscript) and not isinstance(n.slice, ast.Tuple)}
    read = [n for n in walk(tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    return all(n in whole or n in indexed for n in read)


def _taken_whole(node: ast.AST, scope: Scope) -> list[ast.expr]:
    """`for x in xs`, `len(xs)`, `xs is None`, `xs.append(x)`, and not `torch.relu(x)`"""
    if isinstance(node, ast.For | ast.comprehension):
        return [node.iter]
    if isinstance(node, ast.Call):
        is_method = isinstance(node.func, ast.Attribute) and node.func.attr in _OF_LISTS
        held = [node.func.value] if is_method and isinstance(node.func, ast.Attribute) else []
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        return held if _takes_tensors(node.func, scope) else [*given, *held]
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn):
        return [node.left, *node.comparators]
    return [node.value] if isinstance(node, ast.Starred) else []


def _is_list(value: Value) -> bool:
    """A list or dict whose members are known, or indices that an operation has found.

    In place of a list an attribute may hold None or a module, `nn.Identity()`, where no loop comes to it.
    """
    if isinstance(value, Tensor):
        return value.is_whole and not value.assumed
    parts = [part for part in value.parts if not isinstance(part, Nothing | Module)]
    return bool(parts) and all(isinstance(part, Sequence | Dictionary) and bool(part.held) for part in parts)
