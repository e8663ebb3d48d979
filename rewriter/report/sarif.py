"""SARIF 2.1.0, for code scanning services."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rewriter import __version__
from rewriter.report.text import shown_path
from rewriter.results import FileResult, Refusal, Span
from rewriter.rules.listing import ALL


def dumps(results: Sequence[FileResult]) -> str:
    rules = [
        {
            "id": rule.code,
            "name": rule.name,
            "shortDescription": {"text": rule.summary},
            "help": {"text": rule.explanation, "markdown": rule.explanation},
        }
        for rule in ALL
    ]
    run = {
        "tool": {"driver": {"name": "rewriter", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [found for result in results for found in _results(result)],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2)


def _results(result: FileResult) -> Iterator[dict[str, Any]]:
    uri = shown_path(result.path).replace("\\", "/")
    for item in result.items:
        level = "note" if isinstance(item, Refusal) else "warning"
        yield {"ruleId": item.code, **_body(level, item.message, uri, item.span)}
    if result.failure is not None:
        yield _body("error", f"{result.failure.kind}: {result.failure.message}", uri, result.failure.span)


def _body(level: str, message: str, uri: str, span: Span | None) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if span is not None:
        location["region"] = {
            "startLine": span.line,
            "startColumn": span.column + 1,
            "endLine": span.end_line,
            "endColumn": span.end_column + 1,
        }
    return {"level": level, "message": {"text": message}, "locations": [{"physicalLocation": location}]}
