"""Continuation lines that stand under what follows their bracket, and that move with it."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.python.source import LINE_BREAK

_SAYS_NOTHING = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class _Begin:
    """Where a continuation line begins, and the bracket around it, if something follows that on its own line."""

    line: int
    column: int
    bracket: tuple[int, int] | None
    closes: bool


def realigned(new: str, old: str, column: int) -> str:
    """The new text of a unit that begins at a column. Lines stand under their brackets if all of the old one's do."""
    ends = LINE_BREAK.findall(new)
    if not ends or not LINE_BREAK.search(old):
        return new
    before, after = _begins(old, column), _begins(new, column)
    if not before or not after or not all(b.bracket and (b.closes or b.column == b.bracket[1] + 1) for b in before):
        return new
    lines, moved = LINE_BREAK.split(new), dict[int, int]()
    for begin in after:
        if begin.bracket is None:
            return new
        line, opening = begin.bracket
        wanted = opening + moved.get(line, 0) + (0 if begin.closes else 1)
        moved[begin.line] = wanted - begin.column
        lines[begin.line] = " " * wanted + lines[begin.line][begin.column :]
    return "".join(part for pair in zip(lines, [*ends, ""], strict=True) for part in pair)


def _begins(text: str, column: int) -> list[_Begin]:
    """The beginnings of all lines but the first; nothing where a text runs over several lines."""
    try:
        return list(_found(text, column))
    except (tokenize.TokenError, SyntaxError, ValueError):
        return []


def _found(text: str, column: int) -> Iterator[_Begin]:
    opened: list[tuple[int, int] | None] = []
    begun, awaits = 0, False  # the line that tokens came from, and whether the last bracket stands at its end
    for token in tokenize.generate_tokens(io.StringIO(f"({text}\n)", newline="").readline):
        line, place = token.start[0] - 1, token.start[1] + (column - 1 if token.start[0] == 1 else 0)
        if token.start[0] != token.end[0] and token.type not in _SAYS_NOTHING:
            raise ValueError("a text over several lines")
        if token.type in _SAYS_NOTHING or (token.type == tokenize.COMMENT and awaits and line == begun):
            continue
        if awaits and line > begun:
            opened[-1] = None  # nothing follows it on its line
        if line > begun and (len(opened) > 1 or token.string != ")"):
            yield _Begin(line, place, opened[-1] if len(opened) > 1 else None, token.string in ")]}")
        begun, awaits = line, token.type == tokenize.OP and token.string in "([{"
        if awaits:
            opened.append((line, place))
        elif token.type == tokenize.OP and token.string in ")]}":
            opened.pop()
