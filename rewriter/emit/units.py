"""The stretches of source that are rewritten as a whole: simple statements and the headers of compound ones."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rewriter.changes.change import NamedChange, numbered_maps, numberings, walks_over_steps
from rewriter.changes.turns import NumberedCall, NumberedMap, WalkOverSteps
from rewriter.python.source import Source
from rewriter.python.trees import children, walk

Unit = ast.stmt | ast.expr
Edit = NamedChange | NumberedCall | NumberedMap | WalkOverSteps

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr, ast.Assert, ast.Raise, ast.Delete)


@dataclass(frozen=True)
class UnitChanges:
    """All changes inside one unit, which are written together."""

    unit: Unit
    changes: tuple[Edit, ...]


def edits_of(changes: Iterable[NamedChange]) -> list[Edit]:
    """The changes, and what has to be written elsewhere for them."""
    changes = list(changes)
    calls = (call for numbering in numberings(changes) for call in numbering.calls)
    return [*changes, *calls, *numbered_maps(changes), *walks_over_steps(changes)]


def by_unit(source: Source, changes: Iterable[Edit]) -> list[UnitChanges]:
    """Groups changes by the unit that holds them, in source order."""
    pending = {id(named.node): named for named in changes}
    groups: dict[int, tuple[Unit, list[Edit]]] = {}
    for unit in units_in(source.tree.body):
        for node in walk(unit):
            if (named := pending.pop(id(node), None)) is not None:
                groups.setdefault(id(unit), (unit, []))[1].append(named)
    assert not pending, "a site outside of every unit"
    return [UnitChanges(unit, tuple(found)) for unit, found in groups.values()]


def nesting(unit: UnitChanges) -> int:
    """How many of the new calls stand inside each other, at most."""
    changed = {id(named.node) for named in unit.changes}
    deepest, pending = 0, list[tuple[ast.AST, int]]([(unit.unit, 0)])
    while pending:
        node, depth = pending.pop()
        depth += id(node) in changed
        deepest = max(deepest, depth)
        pending += [(child, depth) for child in children(node)]
    return deepest


def units_in(body: list[ast.stmt]) -> Iterator[Unit]:
    for statement in body:
        if isinstance(statement, _SIMPLE):
            yield statement
            continue
        for child in children(statement):
            yield from _inside(child)


def _inside(child: ast.AST) -> Iterator[Unit]:
    if isinstance(child, ast.expr):
        yield child
    elif isinstance(child, ast.stmt):
        yield from units_in([child])
    elif isinstance(child, ast.ExceptHandler | ast.withitem | ast.match_case | ast.arguments | ast.keyword):
        for part in children(child):
            yield from _inside(part)
