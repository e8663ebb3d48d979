"""Results as JSON, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rewriter.results import Edit, Failure, FileResult, Finding, Refusal, Safety, Span

_FINAL = frozenset({"syntax", "encoding", "too-large"})
"""Failures that lie in the file; others may lie in the circumstances."""


def may_be_kept(result: FileResult) -> bool:
    return result.failure is None or result.failure.kind in _FINAL


def plain(result: FileResult) -> list[Any]:
    return [
        result.after.decode("latin-1") if result.after != result.before else None,
        *([_item(item) for item in items] for items in (result.findings, result.refusals, result.suppressed)),
        [[_span(edit.span), edit.text, list(edit.findings)] for edit in result.edits],
        _failure(result.failure) if result.failure else None,
        result.unwritten,
    ]


def read(path: Path, before: bytes, known: list[Any]) -> FileResult:
    """Raises ValueError, TypeError or KeyError for what no `plain` has made."""
    after, findings, refusals, suppressed, edits, failure, unwritten = known
    return FileResult(
        path,
        before,
        before if after is None else after.encode("latin-1"),
        findings=tuple(_read_finding(*item[1:]) for item in findings),
        refusals=tuple(_read_refusal(*item[1:]) for item in refusals),
        suppressed=tuple(_READING[item[0]](*item[1:]) for item in suppressed),
        edits=tuple(Edit(Span(*span), text, tuple(needed_by)) for span, text, needed_by in edits),
        failure=_read_failure(*failure) if failure else None,
        unwritten=unwritten,
    )


def _span(span: Span) -> list[int]:
    return [span.line, span.column, span.end_line, span.end_column, span.cell]


def _item(item: Finding | Refusal) -> list[Any]:
    if isinstance(item, Finding):
        return ["finding", item.code, item.message, _span(item.span), item.safety.value, item.why_unsafe]
    return ["refusal", item.code, item.message, _span(item.span), item.advice, item.is_remark]


def _read_finding(code: str, message: str, span: list[int], safety: str, why_unsafe: str) -> Finding:
    return Finding(code, message, Span(*span), Safety(safety), why_unsafe)


def _read_refusal(code: str, message: str, span: list[int], advice: str, is_remark: bool) -> Refusal:
    return Refusal(code, message, Span(*span), advice, is_remark)


_READING: dict[str, Any] = {"finding": _read_finding, "refusal": _read_refusal}


def _failure(failure: Failure) -> list[Any]:
    return [failure.kind, failure.message, _span(failure.span) if failure.span else None]


def _read_failure(kind: str, message: str, span: list[int] | None) -> Failure:
    return Failure(kind, message, Span(*span) if span else None)
