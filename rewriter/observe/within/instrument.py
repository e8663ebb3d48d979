"""Source compiled with a call of the recorder around some of its expressions."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import os
from collections.abc import Sequence
from types import CodeType
from typing import Any

from .recorder import NAME

Place = tuple[int, int, int, int]
"""Where an expression begins and ends: lines from 1, columns from 0 in characters."""


class Plans:
    """The files that are observed, by their real paths; their expressions are numbered through."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.files: dict[str, tuple[str, int, list[Place]]] = {}
        self.count = 0
        for path, plan in document["files"].items():
            places = [(p[0], p[1], p[2], p[3]) for p in plan["places"]]
            self.files[path] = plan["sha256"], self.count, places
            self.count += len(places)

    def has(self, path: str) -> bool:
        return os.path.realpath(path) in self.files

    def code(self, path: str) -> CodeType | None:
        """The file with calls of the recorder; None where it is not observed, or not what it was."""
        tree = self.tree(path)
        return None if tree is None else compile(tree, path, "exec", dont_inherit=True)

    def tree(self, path: str) -> ast.Module | None:
        plan = self.files.get(os.path.realpath(path))
        if plan is None:
            return None
        try:
            content = _read(path)
            is_known = hashlib.sha256(content).hexdigest() == plan[0]
            return instrumented(content, plan[2], plan[1]) if is_known else None
        except Exception:  # what cannot be observed runs as it is
            return None


def _read(path: str) -> bytes:
    with io.open_code(path) as file:
        return file.read()


def instrumented(content: bytes, places: Sequence[Place], first: int) -> ast.Module:
    tree = ast.parse(content)
    lines = importlib.util.decode_source(content).split("\n")
    numbers = {_in_bytes(place, lines): first + number for number, place in enumerate(places)}
    _Wrapping(numbers).visit(tree)
    return ast.fix_missing_locations(tree)


def _in_bytes(place: Place, lines: Sequence[str]) -> Place:
    """As the syntax tree has it, whose columns count bytes."""
    line, column, end_line, end_column = place
    start, end = lines[line - 1][:column], lines[end_line - 1][:end_column]
    return line, len(start.encode()), end_line, len(end.encode())


class _Wrapping(ast.NodeTransformer):
    def __init__(self, numbers: dict[Place, int]) -> None:
        self.numbers = numbers

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.AugAssign | ast.JoinedStr):
            return super().visit(node)
        self.generic_visit(node)
        if not isinstance(node, ast.expr) or not isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
            return node
        number = self._number(node)
        return node if number is None else _seen(number, node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """What is changed in place is read before."""
        number = self._number(node.target)
        changed = self.generic_visit(node)
        if number is None or not isinstance(node.target, ast.Name):
            return changed
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        return [ast.copy_location(ast.Expr(_seen(number, read)), node.target), changed]

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        return node  # before Python 3.12 the positions inside are wrong

    def _number(self, node: ast.expr) -> int | None:
        return self.numbers.get((node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0))


def _seen(number: int, node: ast.expr) -> ast.Call:
    call = ast.Call(ast.Name(NAME, ast.Load()), [ast.Constant(number), node], [])
    for inner in (call, call.func, call.args[0]):
        ast.copy_location(inner, node)
    return call
