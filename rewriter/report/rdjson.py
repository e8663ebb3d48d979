"""Reviewdog's diagnostic format: what `fix` would write, as suggestions that a person commits in a pull request.

An operation, its `__init__` line and its import are suggestions of their own, and belong together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rewriter.files import NOTEBOOK
from rewriter.python.source import Source
from rewriter.report.summary import is_applied
from rewriter.report.text import message, shown_path
from rewriter.results import Edit, FileResult, Refusal, Span
from rewriter.rule_codes import help_page

_TOGETHER = "Commit all suggestions of this file together."


def dumps(results: Sequence[FileResult], unsafe_fixes: bool) -> str:
    found = [diagnostic for result in results for diagnostic in _diagnostics(result, unsafe_fixes)]
    return json.dumps({"source": {"name": "rewriter"}, "severity": "WARNING", "diagnostics": found}, indent=2)


def _diagnostics(result: FileResult, unsafe_fixes: bool) -> Iterator[dict[str, Any]]:
    path = shown_path(result.path).replace("\\", "/")
    if result.failure is not None:
        failure = result.failure
        yield _diagnostic(path, _plain(failure.span) if failure.span else None, "ERROR", failure.kind, failure.message)
        return
    lines = _lines(result)
    for edit in result.edits:
        code, text = _what(result, edit, unsafe_fixes)
        place = _range(lines, edit.span)
        suggestions = {"suggestions": [{"range": place, "text": edit.text}]}
        yield {**_diagnostic(path, place, "WARNING", code, text), **suggestions}
    for item in result.items:
        if isinstance(item, Refusal) or not is_applied(item, unsafe_fixes):
            text, cell = message(item, unsafe_fixes), item.span.cell
            text = f"cell {cell}, line {item.span.line}: {text}" if cell else text
            # A notebook's text is not made of the cells' lines.
            yield _diagnostic(path, None if cell else _range(lines, item.span), "INFO", item.code, text)


def _lines(result: FileResult) -> list[str]:
    return [] if result.path.suffix == NOTEBOOK else Source.parse(result.before).lines


def _diagnostic(path: str, place: dict[str, Any] | None, severity: str, code: str, text: str) -> dict[str, Any]:
    url = {"url": page} if (page := help_page(code)) else {}
    where = {"path": path, **({"range": place} if place else {})}
    return {"message": text, "location": where, "severity": severity, "code": {"value": code, **url}}


def _what(result: FileResult, edit: Edit, unsafe_fixes: bool) -> tuple[str, str]:
    needed_by = [result.findings[index] for index in edit.findings]
    here = [finding for finding in needed_by if _holds(edit.span, finding.span)]
    if here:
        return here[0].code, "; ".join([message(finding, unsafe_fixes) for finding in here]) + f". {_TOGETHER}"
    lines = ", ".join(str(line) for line in sorted({finding.span.line for finding in needed_by}))
    code = (needed_by or result.findings)[0].code
    return code, f"{f'Needed by line {lines}' if lines else 'Needed by what follows'}. {_TOGETHER}"


def _holds(outer: Span, inner: Span) -> bool:
    starts = (outer.line, outer.column) <= (inner.line, inner.column)
    return starts and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)


def _range(lines: Sequence[str], span: Span) -> dict[str, Any]:
    """Columns count bytes of UTF-8 here, from 1."""

    def position(line: int, column: int) -> dict[str, int]:
        text = lines[line - 1] if line <= len(lines) else ""
        return {"line": line, "column": len(text[:column].encode("utf-8", "surrogatepass")) + 1}

    return {"start": position(span.line, span.column), "end": position(span.end_line, span.end_column)}


def _plain(span: Span) -> dict[str, Any]:
    """Of a file whose text is not known."""
    start, end = (
        {"line": span.line, "column": span.column + 1},
        {"line": span.end_line, "column": span.end_column + 1},
    )
    return {"start": start, "end": end}
