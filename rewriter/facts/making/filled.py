"""What a constructor puts into a list of the object, as it is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.python.code import Function
from rewriter.python.trees import walk

_FILLING = frozenset({"append", "extend", "insert"})


def added_to_list(attribute: str, init: Function, own: str) -> list[ast.expr]:
    """What `__init__` puts into the list; the list itself, of which nothing is known, where it does anything else."""
    calls = [n for n in walk(init.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    filling = [c for c in calls if c.func.attr in _FILLING and _is_list(c.func.value, attribute, own)]  # type: ignore[attr-defined]
    held = {id(c.func.value) for c in filling}  # type: ignore[attr-defined]
    others = [n for n in walk(init.node) if _is_list(n, attribute, own) and id(n) not in held]
    unknown = [n for n in others if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)]
    return [*(c.args[-1] for c in filling if c.args), *unknown]


def touching(attribute: str, init: Function, own: str) -> Iterator[ast.stmt]:
    """The statements of `__init__` that name the list."""
    return (s for s in init.node.body if any(_is_list(n, attribute, own) for n in walk(s)))


def _is_list(node: ast.AST, attribute: str, own: str) -> bool:
    is_named = isinstance(node, ast.Attribute) and node.attr == attribute
    return is_named and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == own
