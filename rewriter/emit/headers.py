"""Loop headers that learn to count: `for x in xs` -> `for i, x in enumerate(xs)`, or `for _` -> `for i in range(n)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from rewriter.changes.change import NamedChange, turns_of
from rewriter.changes.turns import Turn
from rewriter.emit.layout import laid_out
from rewriter.emit.splice import Splice, apply
from rewriter.emit.style import Style
from rewriter.python.code import File
from rewriter.python.source import Source
from rewriter.python.trees import walk

_COLON = re.compile(r"[\s)]*:")


def header_splices(
    file: File, changes: Iterable[NamedChange], style: Style, others: Iterable[Splice] = ()
) -> list[Splice]:
    """For loops that are statements. One in a comprehension is part of a statement, and written with it.

    `others` is what else is written: a header that is laid out anew takes in what stands inside of it.
    """
    others = list(others)
    source = file.source
    turns = {id(turn.target): turn for turn in turns_of(changes) if turn.added}
    if not turns:
        return []
    loops = {id(n.target): n for n in walk(source.tree) if isinstance(n, ast.For)}
    splices: list[Splice] = []
    for key, turn in turns.items():
        if key in loops:
            pieces = _pieces(source, turn)
            whole = _laid_out(source, loops[key], pieces, others, style)
            splices += pieces if whole is None else [whole]
    return splices


def _pieces(source: Source, turn: Turn) -> list[Splice]:
    start, end = source.start(turn.target), source.end(turn.target)
    if turn.unread:
        return [Splice(start, end, turn.index)]
    bare = isinstance(turn.target, ast.Tuple) and start == source.start(turn.target.elts[0])
    begin, finish = source.start(turn.iter), source.end(turn.iter)
    return [
        Splice(start, start, f"{turn.index}, {'(' if bare else ''}"),
        Splice(end, end, ")" if bare else ""),
        Splice(begin, begin, "enumerate("),
        Splice(finish, finish, ")"),
    ]


def _laid_out(source: Source, loop: ast.For, pieces: list[Splice], others: list[Splice], style: Style) -> Splice | None:
    """The header as a formatter lays it out, where the author wrote it so; None elsewhere."""
    start, colon = source.start(loop), _COLON.match(source.text, source.end(loop.iter))
    if colon is None:
        return None
    indent = source.lines[loop.lineno - 1][: loop.col_offset]
    old = source.text[start : colon.end()]
    inside = [o for o in others if start < o.start and o.end < colon.end()]
    new = apply(old, [Splice(p.start - start, p.end - start, p.new) for p in (*pieces, *inside)])
    before, after = (laid_out(text.replace(source.newline, "\n"), indent, style) for text in (old, new))
    if after is None or before is None or before.replace("\n", source.newline) != old:
        return None
    return Splice(start, colon.end(), after.replace("\n", source.newline))
