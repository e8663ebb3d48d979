"""Lambdas and nested functions that a method runs itself: where it does, and which of them stand around a place."""

from __future__ import annotations

import ast

from rewriter.python.code import Function
from rewriter.python.trees import path_to, walk

Inner = ast.Lambda | ast.FunctionDef


def inner_around(function: Function, place: ast.AST) -> list[Inner]:
    """The lambdas and nested functions around a place in a function, the outermost first."""
    return [n for n in path_to(place, function.node) if isinstance(n, Inner) and n is not function.node]


def repeats_around(function: Function, place: ast.AST) -> bool:
    """Whether a loop, a comprehension or another function stands between a function and a place in it."""
    kinds = (ast.For, ast.While, ast.AsyncFor, ast.comprehension, ast.ListComp, ast.SetComp, ast.DictComp, *_ALONE)
    return any(isinstance(node, kinds) for node in path_to(place, function.node) if node is not function.node)


_ALONE = (ast.GeneratorExp, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def calls_by_name(function: Function, inner: Inner) -> list[ast.Call]:
    """The calls `f(...)` of a nested function, in source order."""
    if isinstance(inner, ast.Lambda):
        return []
    calls = (n for n in walk(function.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    found = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == inner.name]
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def is_used_again(function: Function, inner: Inner) -> bool:
    """Whether the function says the name of `def area(box): ...`, or of `area = lambda box: ...`, more than once."""
    nodes = walk(function.node)
    stores = (n.targets for n in nodes if isinstance(n, ast.Assign) and n.value is inner)
    targets = next(stores, []) if isinstance(inner, ast.Lambda) else []
    names = {t.id for t in targets if isinstance(t, ast.Name)} or {getattr(inner, "name", "")}
    return sum(isinstance(n, ast.Name) and n.id in names and isinstance(n.ctx, ast.Load) for n in nodes) > 1


def map_of(function: Function, inner: Inner) -> ast.Call | None:
    """The call `map(lambda x: ..., xs)` that the lambda is written in."""
    for node in walk(function.node):
        if isinstance(node, ast.Call) and node.args and node.args[0] is inner:
            is_map = function.global_name(node.func) == "builtins.map" and not node.keywords
            return node if is_map and not any(isinstance(a, ast.Starred) for a in node.args) else None
    return None
