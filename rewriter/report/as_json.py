"""For programs: every file with its findings, refusals and failure. Lines and columns count from 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rewriter.report.summary import Summary
from rewriter.report.text import shown_path
from rewriter.results import FileResult, Finding, Refusal, Span


def dumps(results: Sequence[FileResult]) -> str:
    summary = Summary.of(results)
    document = {
        "version": 1,
        "files": [_file(result) for result in results],
        "summary": {
            "files": summary.files,
            "changed": summary.changed,
            "failed": summary.failed,
            "suppressed": summary.suppressed,
            "findings": dict(sorted(summary.findings.items())),
            "refusals": dict(sorted(summary.refusals.items())),
        },
    }
    return json.dumps(document, indent=2)


def _file(result: FileResult) -> dict[str, Any]:
    failure = result.failure
    return {
        "path": shown_path(result.path),
        "changed": result.changed,
        "findings": [
            {**_item(f), "safety": f.safety.value, **({"why_unsafe": f.why_unsafe} if f.why_unsafe else {})}
            for f in result.findings
        ],
        "refusals": [{**_item(r), "advice": r.advice} for r in result.refusals],
        "suppressed": [_item(s) for s in result.suppressed],
        "failure": failure
        and {"kind": failure.kind, "message": failure.message, "range": failure.span and place(failure.span)},
    }


def _item(item: Finding | Refusal) -> dict[str, Any]:
    return {"code": item.code, "message": item.message, "range": place(item.span)}


def place(span: Span) -> dict[str, int]:
    return {
        "line": span.line,
        "column": span.column + 1,
        "end_line": span.end_line,
        "end_column": span.end_column + 1,
    }
