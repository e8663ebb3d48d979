"""Expressions that others take the place of, and the statements that are laid out anew for that."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from rewriter.changes.change import Substitution
from rewriter.emit.lines import laid_out_anew
from rewriter.emit.naming import Importer
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.emit.units import units_in
from rewriter.python.source import Source

Reason = tuple[Substitution, ...]


def substitution_splices(
    source: Source, found: list[Substitution], importer: Importer, style: Style, others: Iterable[Splice]
) -> Iterator[tuple[Splice, Reason]]:
    """What is written, and for what; calls that get a number are written with their statements.

    `others` is what else is: a statement with something of it stays as it is laid out.
    """
    others, outside = list(others), list[Substitution]()
    statements = [unit for unit in units_in(source.tree.body) if isinstance(unit, ast.stmt)] if found else []
    within: dict[ast.stmt, list[Substitution]] = {}
    starts = [source.start(statement) for statement in statements]
    for substitution in found:
        place = bisect_right(starts, source.start(substitution.node)) - 1
        is_inside = place >= 0 and source.end(substitution.node) <= source.end(statements[place])
        (within.setdefault(statements[place], []) if is_inside else outside).append(substitution)
    for substitution in outside:
        yield from ((part, (substitution,)) for part in _parts(source, importer, substitution))
    for statement, inside in within.items():
        parts = [(part, (s,)) for s in inside for part in _parts(source, importer, s)]
        whole = laid_out_anew(source, statement, [part for part, _ in parts], style)
        start, end = source.start(statement), source.end(statement)
        is_free = not any(other.start < end and start < other.end for other in others)
        yield from [(whole[0], tuple(inside))] if len(whole) == 1 and is_free else parts


def _parts(source: Source, importer: Importer, found: Substitution) -> list[Splice]:
    start, end = source.start(found.node), source.end(found.node)
    if found.is_code:
        return [Splice(start, end, found.target)]
    name = importer.spell(found.target, found.function.locals)
    if found.wraps:
        return [Splice(start, start, f"{name}("), Splice(end, end, ")")]
    return [Splice(start, end, name)]
