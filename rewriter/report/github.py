"""Annotations for GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.report.text import message, shown_path
from rewriter.results import FileResult, Refusal, Span


def lines(results: Sequence[FileResult], unsafe_fixes: bool) -> Iterator[str]:
    for result in results:
        path = shown_path(result.path)
        if result.failure is not None:
            failure = result.failure
            yield _line("error", path, failure.span or Span(1, 0, 1, 0), failure.kind, failure.message)
        for item in result.items:
            level = "notice" if isinstance(item, Refusal) else "warning"
            yield _line(level, path, item.span, item.code, message(item, unsafe_fixes))


def _line(level: str, path: str, span: Span, title: str, message: str) -> str:
    if span.cell:  # a notebook's text is not made of the cells' lines
        message = f"cell {span.cell}, line {span.line}: {message}"
        return f"::{level} file={_escaped(path, ':,')},title={_escaped(title, ':,')}::{_escaped(message)}"
    where = f"file={_escaped(path, ':,')},line={span.line},col={span.column + 1}"
    where += f",endLine={span.end_line},endColumn={span.end_column + 1},title={_escaped(title, ':,')}"
    return f"::{level} {where}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}") if character in text else text
    return text
