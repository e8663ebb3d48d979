"""For programs: every file with its findings, edits, refusals and failure. Lines and columns count from 1.

The form is that of schema.json. A later version may add keys; `version` grows where one changes or goes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rewriter.report.summary import Summary, is_applied
from rewriter.report.text import shown_path
from rewriter.results import Edit, FileResult, Finding, Refusal, Span


def dumps(results: Sequence[FileResult], unsafe_fixes: bool) -> str:
    summary = Summary.of(results, unsafe_fixes)
    document = {
        "version": 1,
        "files": [_file(result, unsafe_fixes) for result in results],
        "summary": {
            "files": summary.files,
            "changed": summary.changed,
            "failed": summary.failed,
            "suppressed": summary.suppressed,
            "unused_suppressions": summary.unused,
            "findings": dict(sorted(summary.findings.items())),
            "unsafe_findings": dict(sorted(summary.unsafe.items())),
            "refusals": dict(sorted((summary.refusals + summary.remarks).items())),
        },
    }
    return json.dumps(document, indent=2)


def _file(result: FileResult, unsafe_fixes: bool) -> dict[str, Any]:
    failure = result.failure
    return {
        "path": shown_path(result.path),
        "changed": result.changed,
        "findings": [_finding(finding, unsafe_fixes) for finding in result.findings],
        "edits": [_edit(edit) for edit in result.edits],
        "refusals": [{**_item(r), "advice": r.advice} for r in result.refusals],
        "suppressed": [_item(s) for s in result.suppressed],
        "failure": failure
        and {"kind": failure.kind, "message": failure.message, "range": failure.span and place(failure.span)},
    }


def _edit(edit: Edit) -> dict[str, Any]:
    """All edits of a file together make the new text; `findings` are places in the file's list of findings."""
    return {"range": place(edit.span), "text": edit.text, "findings": list(edit.findings)}


def _finding(finding: Finding, unsafe_fixes: bool) -> dict[str, Any]:
    """`applied` says whether the change is in what `fix` writes."""
    why = {"why_unsafe": finding.why_unsafe} if finding.why_unsafe else {}
    applied = is_applied(finding, unsafe_fixes)
    return {**_item(finding), "safety": finding.safety.value, "applied": applied, **why}


def _item(item: Finding | Refusal) -> dict[str, Any]:
    return {"code": item.code, "message": item.message, "range": place(item.span)}


def place(span: Span) -> dict[str, int]:
    """`cell` only in notebooks, where lines count in it."""
    return {
        **({"cell": span.cell} if span.cell else {}),
        "line": span.line,
        "column": span.column + 1,
        "end_line": span.end_line,
        "end_column": span.end_column + 1,
    }
