"""How the author of a file writes: by the project's formatter, or by the file itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rewriter.emit.lines import Line
from rewriter.emit.style import USUAL, Formatter, Style, formatter_of
from rewriter.emit.units import units_in
from rewriter.python.source import Source
from rewriter.python.trees import walk

# Lines that no formatter has laid out are often kept to this length.
_SHORTEST = 79

# So many statements say enough of a file.
_ENOUGH = 16


def style_of(source: Source, path: Path, isolated: bool) -> Style:
    formatter = Formatter() if isolated else formatter_of(path)
    step = _step(source)
    return Style(formatter.width or _own_width(source, step), step, formatter)


def _own_width(source: Source, step: str) -> int:
    """The length at which most statements are laid out as a formatter does, else the smallest that the file keeps."""
    widths = (*USUAL, _SHORTEST)
    laid = (
        [_is_laid_out(source, s, Style(width, step)) for width in widths] for s in islice(_telling(source), _ENOUGH)
    )
    differing = [row for row in laid if len(set(row)) > 1]
    if differing:
        return max(zip(map(sum, zip(*differing, strict=True)), widths, strict=True), key=lambda found: found[0])[1]
    longest = max((len(line.rstrip()) for line in source.lines if not line.lstrip().startswith("#")), default=0)
    return next((width for width in USUAL if longest <= width), USUAL[-1])


def _telling(source: Source) -> Iterator[ast.stmt]:
    """The statements that a formatter lays out differently for different lengths."""
    for statement in units_in(source.tree.body):
        if isinstance(statement, ast.stmt):
            assert statement.end_lineno is not None
            lines = statement.end_lineno - statement.lineno
            if lines or len(source.lines[statement.lineno - 1].rstrip()) > _SHORTEST:
                yield statement


def _is_laid_out(source: Source, statement: ast.stmt, style: Style) -> bool:
    text = source.segment(statement)
    return Line.around(source, statement, style).laid_out(text) == text


def _step(source: Source) -> str:
    for node in walk(source.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.body[0].lineno > node.lineno:
            line = source.lines[node.body[0].lineno - 1]
            step = line[node.col_offset : len(line) - len(line.lstrip())]
            if step and node.col_offset == 0:
                return step
    return Style.step
