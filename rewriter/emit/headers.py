"""Loop headers that learn to count: `for x in xs` -> `for i, x in enumerate(xs)`, or `for _` -> `for i in range(n)`."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from rewriter.changes.change import NamedChange, turns_of
from rewriter.emit.splice import Splice
from rewriter.facts.code import File
from rewriter.facts.trees import walk


def header_splices(file: File, changes: Iterable[NamedChange]) -> list[Splice]:
    """For loops that are statements. One in a comprehension is part of a statement, and written with it."""
    source = file.source
    turns = {id(turn.target): turn for turn in turns_of(changes) if turn.added}
    if not turns:
        return []
    statements = {id(n.target) for n in walk(source.tree) if isinstance(n, ast.For)}
    splices: list[Splice] = []
    for key, turn in turns.items():
        if key not in statements:
            continue
        start, end = source.start(turn.target), source.end(turn.target)
        if turn.unread:
            splices.append(Splice(start, end, turn.index))
            continue
        bare = isinstance(turn.target, ast.Tuple) and start == source.start(turn.target.elts[0])
        begin, finish = source.start(turn.iter), source.end(turn.iter)
        splices += [
            Splice(start, start, f"{turn.index}, {'(' if bare else ''}"),
            Splice(end, end, ")" if bare else ""),
            Splice(begin, begin, "enumerate("),
            Splice(finish, finish, ")"),
        ]
    return splices
