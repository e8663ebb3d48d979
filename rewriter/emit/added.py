"""Where new lines go in a function: each behind the statement that it needs, and on the ways that come to that one."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from rewriter.emit.lines import indent_of, indented
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.python.code import Function
from rewriter.python.source import Source
from rewriter.python.trees import begin_of, end_of, walk

Behind = dict[ast.stmt, list[str]]
"""The lines to write behind some statements."""


@dataclass(frozen=True)
class Added:
    """A line for a function, and the statement that it goes behind."""

    function: Function
    anchor: ast.stmt
    line: str


def added_splices(source: Source, function: Function, added: Iterable[Added], style: Style) -> list[Splice]:
    """All lines of one function, in one pass over it.

    A block may end where the one around it does: its lines come before those that stand outside of it.
    """
    behind: Behind = {}
    for line in added:
        behind.setdefault(line.anchor, []).append(line.line)
    blocks = [(owner, block) for owner, block in _blocks(function.node) if not behind.keys().isdisjoint(block)]
    blocks.sort(key=lambda found: begin_of(found[1][0]), reverse=True)
    splices: list[tuple[tuple[int, int], Splice]] = []
    for owner, block in blocks:
        write = _opened if _stands_on_one_line(source, block) else _between
        splices += write(source, owner, block, behind, style)
    return [splice for _, splice in sorted(splices, key=lambda placed: placed[0], reverse=True)]


def _blocks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[ast.stmt, list[ast.stmt]]]:
    """The statements that stand under one header, each with the statement that has it."""
    for node in walk(function):
        owner = node if isinstance(node, ast.stmt) else function
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield owner, block


def _stands_on_one_line(source: Source, block: list[ast.stmt]) -> bool:
    """`def __init__(self): super().__init__()`, `if deep: self.norm = Norm()`"""
    line, column = source.position(source.start(block[0]))
    return bool(source.lines[line - 1][:column].strip())


def _opened(source: Source, owner: ast.stmt, block: list[ast.stmt], behind: Behind, style: Style) -> Iterator[_Placed]:
    """A block on the line of its header gets a line for each statement."""
    newline, first = source.newline, block[0]
    around = owner if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef) else first
    indent = indent_of(source, around) + style.step
    colon = source.text.rindex(":", 0, source.start(first)) + 1
    yield begin_of(first), Splice(colon, source.start(first), newline + indent)
    for before, statement in pairwise(block):
        text = "".join(indented(source, line, indent, style) for line in behind.get(before, []))
        yield begin_of(statement), Splice(source.end(before), source.start(statement), newline + text + indent)
    if block[-1] in behind:
        yield end_of(block[-1]), _at_line_end(source, block[-1], behind[block[-1]], indent, style)


def _between(source: Source, _: ast.stmt, block: list[ast.stmt], behind: Behind, style: Style) -> Iterator[_Placed]:
    """Whole lines behind the statements, at their indentation; what follows on the same line gets a line of its own."""
    following = dict(pairwise(block))
    for statement in block:
        if statement not in behind:
            continue
        indent, after = indent_of(source, statement), following.get(statement)
        if after is None or after.lineno > end_of(statement)[0]:
            yield end_of(statement), _at_line_end(source, statement, behind[statement], indent, style)
        else:
            text = "".join(indented(source, line, indent, style) for line in behind[statement])
            yield end_of(statement), Splice(source.end(statement), source.start(after), source.newline + text + indent)


def _at_line_end(source: Source, statement: ast.stmt, lines: list[str], indent: str, style: Style) -> Splice:
    """Whole lines after the line on which the statement ends."""
    offset = source.line_end(end_of(statement)[0])
    text = "".join(indented(source, line, indent, style) for line in lines)
    if source.text[offset - 1] not in "\r\n":  # the file ends here without a line end
        text = source.newline + text.removesuffix(source.newline)
    return Splice(offset, offset, text)


_Placed = tuple[tuple[int, int], Splice]
"""A change, and the position by which it is put in order."""
