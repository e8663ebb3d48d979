"""Shrinks a program to the few lines that keep its fault."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Sequence

from tests.bench.fuzz.program import Program
from tests.bench.fuzz.trial import Outcome, tried

SECONDS = 60
NEEDED = ("make", "inputs")


def minimized(program: Program, outcome: Outcome, seconds: float = SECONDS, ignored: Sequence[str] = ()) -> Program:
    """The smallest program found in the time that ends as the outcome says."""
    until = time.monotonic() + seconds
    smaller = True
    while smaller and time.monotonic() < until:
        smaller = False
        for candidate in _candidates(program):
            if time.monotonic() > until:
                break
            if tried(candidate, ignored).where == outcome.where:
                program, smaller = candidate, True
                break
    return program


def _candidates(program: Program) -> Iterator[Program]:
    for name, text in {**program.files, **program.outside}.items():
        tree = ast.parse(text)
        for cut in _cuts(tree):
            with cut:
                try:
                    shorter = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
                except Exception:
                    continue
            if shorter != text:
                yield program.with_text(name, shorter)


class _Cut:
    """Replaces some statements of a block by others while it is entered."""

    def __init__(self, block: list[ast.stmt], start: int, end: int, instead: list[ast.stmt]) -> None:
        self.block, self.start, self.end, self.instead = block, start, end, instead

    def __enter__(self) -> None:
        self.before = list(self.block)
        self.block[self.start : self.end] = self.instead
        if not self.block:
            self.block.append(ast.Pass())

    def __exit__(self, *_: object) -> None:
        self.block[:] = self.before


class _Replaced:
    """Puts another expression in a field while it is entered."""

    def __init__(self, owner: ast.AST, name: str, value: object) -> None:
        self.owner, self.name, self.value = owner, name, value

    def __enter__(self) -> None:
        self.before = getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.value)

    def __exit__(self, *_: object) -> None:
        setattr(self.owner, self.name, self.before)


def _cuts(tree: ast.Module) -> Iterator[_Cut | _Replaced]:
    blocks = list(_blocks(tree))
    for block in blocks:  # halves first: they are quick where they are right
        if len(block) > 3:
            middle = len(block) // 2
            yield _Cut(block, 0, middle, [])
            yield _Cut(block, middle, len(block), [])
    for block in blocks:
        for i in reversed(range(len(block))):
            statement = block[i]
            if getattr(statement, "name", "") in NEEDED or isinstance(statement, ast.Pass):
                continue
            yield _Cut(block, i, i + 1, [])
            for inner in ("body", "orelse", "finalbody"):
                if getattr(statement, inner, None) and not isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                    yield _Cut(block, i, i + 1, getattr(statement, inner))
    yield from _simpler_expressions(tree)


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block
        if isinstance(node, ast.Match):
            yield from (case.body for case in node.cases)


def _simpler_expressions(tree: ast.Module) -> Iterator[_Replaced]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.Return)) and node.value is not None:
            for part in _parts(node.value):
                yield _Replaced(node, "value", part)
        if isinstance(node, ast.ClassDef) and len(node.bases) > 1:
            for base in node.bases:
                yield _Replaced(node, "bases", [b for b in node.bases if b is not base])


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    for node in ast.walk(value):
        if node is not value and isinstance(node, (ast.BinOp, ast.Call, ast.Name, ast.Subscript)):
            yield node
