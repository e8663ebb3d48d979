"""What the review page shows, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewriter import __version__
from rewriter.files import NOTEBOOK
from rewriter.python.source import Source, SourceError
from rewriter.report.as_json import place
from rewriter.report.summary import Summary, is_applied, is_unused_suppression
from rewriter.report.text import failure_text, shown_path
from rewriter.results import FileResult, Finding, Refusal, Safety
from rewriter.review.hunks import hunks
from rewriter.rules.listing import ALL
from rewriter.selection import digest


def page_data(results: Sequence[FileResult], paths: Sequence[Path], unsafe_fixes: bool) -> dict[str, Any]:
    shown = [result for result in results if result.items or result.failure]
    used = {item.code for result in shown for item in result.items}
    return {
        "version": __version__,
        "paths": [path.as_posix() for path in paths],
        "summary": _summary(results, unsafe_fixes),
        "rules": {
            rule.code: {"name": rule.name, "summary": rule.summary, "explanation": rule.explanation}
            for rule in ALL
            if rule.code in used
        },
        "files": [_file(result, unsafe_fixes) for result in shown],
    }


def _summary(results: Sequence[FileResult], unsafe_fixes: bool) -> dict[str, int]:
    summary = Summary.of(results, unsafe_fixes)
    return {
        "files": summary.files,
        "changed": summary.changed,
        "failed": summary.failed,
        "suppressed": summary.suppressed,
        "rewritten": summary.findings.total(),
        "unsafe": summary.unsafe.total(),
        "left": sum(len(_left(result)) for result in results),
        "remarks": sum(len(_remarks(result)) for result in results),
    }


def _file(result: FileResult, unsafe_fixes: bool) -> dict[str, Any]:
    lines = _lines(result)

    def quoted(item: Finding | Refusal) -> dict[str, Any]:
        line = lines[item.span.line - 1].strip() if item.span.line <= len(lines) else ""
        return {"code": item.code, "message": item.message, "range": place(item.span), "line": line}

    return {
        "path": shown_path(result.path).replace("\\", "/"),
        "sha256": digest(result.before),
        "failure": failure_text(result) if result.failure else None,
        "findings": [
            {
                **quoted(finding),
                "safe": finding.safety is Safety.SAFE,
                "why": finding.why_unsafe,
                "shown": is_applied(finding, unsafe_fixes),
            }
            for finding in result.findings
        ],
        "hunks": [
            {"start": hunk.start, "end": hunk.end, "text": hunk.text, "findings": hunk.findings}
            for hunk in hunks(result)
        ],
        "left": [{**quoted(refusal), "advice": refusal.advice} for refusal in _left(result)],
        "remarks": [{**quoted(refusal), "advice": refusal.advice} for refusal in _remarks(result)],
    }


def _lines(result: FileResult) -> list[str]:
    if result.path.suffix == NOTEBOOK:
        return []
    try:
        return Source.parse(result.before).lines
    except SourceError:
        return []


def _remarks(result: FileResult) -> list[Refusal]:
    """What is said of an operation that becomes a module all the same, and suppressions of no use."""
    return [refusal for refusal in result.refusals if refusal.is_remark or is_unused_suppression(refusal)]


def _left(result: FileResult) -> list[Refusal]:
    remarks = _remarks(result)
    return [refusal for refusal in result.refusals if refusal not in remarks]
