"""Taking out what nothing in the file reads any more: whole statements, or some of the names of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from rewriter.emit.splice import Splice
from rewriter.python.code import File
from rewriter.torch_api.elsewhere import WITH_MODULES

# An import whose comment is `noqa: N812` goes as a whole; a bare `noqa`, F401 and F841 say that nobody need read it.
_SAYS_NOTHING_OF_USE = re.compile(r"\s*#\s*noqa:(?!.*(?:F401|F841))[\s,]*[A-Z]+\d+[A-Z0-9\s,]*$")
_OPENS_BLOCK = re.compile(r":\s*(?:#.*)?$")


@dataclass(frozen=True)
class Unused:
    """A name that the file had a use for before, and has none for now."""

    statement: ast.stmt
    name: str
    alias: ast.alias | None = None
    """What binds it, where the statement is an import."""


def imported(statement: ast.stmt) -> Iterator[Unused]:
    """The names that an import of torch, or of a quantizer, binds."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if _has_modules(alias.name):
                yield Unused(statement, alias.asname or alias.name.split(".")[0], alias)
    elif isinstance(statement, ast.ImportFrom) and _has_modules(statement.module or ""):
        yield from (Unused(statement, a.asname or a.name, a) for a in statement.names if a.name != "*")


def _has_modules(name: str) -> bool:
    return name.partition(".")[0] in WITH_MODULES


def stands_alone(file: File, statement: ast.stmt) -> bool:
    """Whether it stands on lines of its own and is not commented on; a comment for linters goes with its one name."""
    source = file.source
    assert statement.end_lineno is not None
    lines = "".join(source.lines[statement.lineno - 1 : statement.end_lineno])
    if len(getattr(statement, "names", [statement])) == 1:
        lines = _SAYS_NOTHING_OF_USE.sub("", lines)
    return lines.strip() == source.segment(statement) and "#" not in lines and "\\" not in lines


def removal_splices(file: File, unused: list[Unused], others: Iterable[Splice]) -> list[Splice]:
    """`others` is what else is written: an import may be put in the place of one that goes."""
    splices: list[Splice] = []
    written_at = {splice.start for splice in others}
    for statement in dict.fromkeys(found.statement for found in unused):
        gone = {id(found.alias) for found in unused if found.statement is statement}
        names = statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else []
        if any(id(alias) not in gone for alias in names):
            splices += _parts(file, names, gone)
        else:
            splices.append(_whole(file, statement, written_at))
    return splices


def _whole(file: File, statement: ast.stmt, written_at: set[int]) -> Splice:
    """The statement's lines, and of the blank ones around it those that would not stand there without it.

    Between blank lines the fewer go; at the beginning of a block, all behind it.
    """
    source = file.source
    assert statement.end_lineno is not None
    first, last = statement.lineno, statement.end_lineno
    above = source.line_end(first - 1) if first > 1 else 0
    if written_at.isdisjoint({above, source.line_end(last)}):
        before, behind = _blank(reversed(source.lines[: first - 1])), _blank(source.lines[last:])
        if first == 1 or _OPENS_BLOCK.search(source.lines[first - 2]):
            last += behind
        elif before < behind:
            first -= before
        else:
            last += min(before, behind)
    return Splice(source.line_end(first - 1) if first > 1 else 0, source.line_end(last), "")


def _blank(lines: Iterable[str]) -> int:
    """How many blank lines come first."""
    return sum(1 for _ in takewhile(lambda line: not line.strip(), lines))


def _parts(file: File, names: list[ast.alias], gone: set[int]) -> Iterator[Splice]:
    source = file.source
    for place, alias in enumerate(names):
        if id(alias) not in gone:
            continue
        assert alias.end_lineno is not None and alias.end_col_offset is not None
        start, end = (
            source.offset(alias.lineno, alias.col_offset),
            source.offset(alias.end_lineno, alias.end_col_offset),
        )
        if any(id(later) not in gone for later in names[place + 1 :]):
            following = names[place + 1]
            yield Splice(start, source.offset(following.lineno, following.col_offset), "")
        else:
            before = names[place - 1]
            assert before.end_lineno is not None and before.end_col_offset is not None
            yield Splice(source.offset(before.end_lineno, before.end_col_offset), end, "")
