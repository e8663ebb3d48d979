"""Members of lists of modules that a loop takes one by one: `for layer in self.layers`, `self.layers[i]`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.python.code import FunctionNode
from rewriter.python.loops import is_another_each_turn, loops_around
from rewriter.python.trees import walk

IsOwn = Callable[[ast.expr], bool]
_PASSING_ON = frozenset({"list", "tuple", "reversed", "iter"})


def member_of(node: ast.expr, function: FunctionNode, is_own: IsOwn) -> str | None:
    """The path to all that such an expression comes to in a loop: `.layers[*]`, or `.layers[*][0]` of pairs.

    One that an index chooses is a path with the index, since another index may choose others.
    """
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
        path, index = _path(node.value, is_own), node.slice.id
        counted = path is not None and any(
            loop.target is not None and _binds(loop.target, index) for loop in loops_around(function, node)
        )
        return f"{path}[{index}]" if counted else None
    if not isinstance(node, ast.Name) or not is_another_each_turn(node, function):
        return None
    for loop in reversed(loops_around(function, node)):
        if loop.target is not None and loop.iter is not None and _binds(loop.target, node.id):
            return _taken(loop.target, loop.iter, node.id, is_own)
    return None


def _taken(target: ast.expr, over: ast.expr, name: str, is_own: IsOwn) -> str | None:
    """The path to what a loop over an expression binds under the name."""
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name):
        return _of_function(over.func.id, target, over, name, is_own)
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute) and not over.args:
        holder, method = over.func.value, over.func.attr
        if method == "items" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            return _taken(target.elts[1], holder, name, is_own)
        return _taken(target, holder, name, is_own) if method in ("values", "children") else None
    path = _path(over, is_own)
    if path is None:
        return None
    if isinstance(target, ast.Name):
        return f"{path}[*]"
    places = [i for i, e in enumerate(target.elts) if _binds(e, name)] if isinstance(target, ast.Tuple) else []
    is_flat = len(places) == 1 and isinstance(target, ast.Tuple) and isinstance(target.elts[places[0]], ast.Name)
    return f"{path}[*][{places[0]}]" if is_flat else None


def _of_function(called: str, target: ast.expr, over: ast.Call, name: str, is_own: IsOwn) -> str | None:
    if called in _PASSING_ON and len(over.args) == 1:
        return _taken(target, over.args[0], name, is_own)
    pair = target.elts if isinstance(target, ast.Tuple) else []
    if called == "enumerate" and len(pair) == 2 and over.args:
        return _taken(pair[1], over.args[0], name, is_own)
    if called == "zip" and len(pair) == len(over.args):
        found = [(t, a) for t, a in zip(pair, over.args, strict=True) if _binds(t, name)]
        return _taken(*found[0], name, is_own) if len(found) == 1 else None
    return None


def _path(node: ast.expr, is_own: IsOwn) -> str | None:
    """`.layers` of `self.layers`"""
    return f".{node.attr}" if isinstance(node, ast.Attribute) and is_own(node.value) else None


def _binds(target: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in walk(target))
