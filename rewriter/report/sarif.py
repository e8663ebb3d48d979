"""SARIF 2.1.0, for code scanning services."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rewriter import __version__
from rewriter.python.source import Source
from rewriter.report.summary import is_applied, plural
from rewriter.report.text import message, shown_path
from rewriter.results import FileResult, Refusal, Span
from rewriter.rule_codes import help_page
from rewriter.rules.listing import ALL

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def dumps(results: Sequence[FileResult], unsafe_fixes: bool) -> str:
    rules = [
        {
            "id": rule.code,
            "name": rule.name,
            **({"helpUri": page} if (page := help_page(rule.code)) else {}),
            "shortDescription": {"text": rule.summary},
            "help": {"text": rule.explanation, "markdown": rule.explanation},
        }
        for rule in ALL
    ]
    run = {
        "tool": {"driver": {"name": "rewriter", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [found for result in results for found in _results(result, unsafe_fixes)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _results(result: FileResult, unsafe_fixes: bool) -> Iterator[dict[str, Any]]:
    uri = _uri(result.path)
    fixes = [_fix(result, uri)] if result.changed else []
    for item in result.items:
        applied = not isinstance(item, Refusal) and is_applied(item, unsafe_fixes)
        level = "note" if isinstance(item, Refusal) else "warning"
        # The changes of a file share lines (imports, __init__), so they are one fix, offered once.
        offered = {"fixes": [fixes.pop()]} if applied and fixes else {}
        yield {"ruleId": item.code, **_body(level, message(item, unsafe_fixes), uri, item.span), **offered}
    if (failure := result.failure) is not None:  # readers count on a ruleId, so the kind stands in for one
        yield {"ruleId": failure.kind, **_body("error", failure.message, uri, failure.span)}


def _uri(path: Path) -> str:
    shown = Path(shown_path(path))
    return shown.as_uri() if shown.is_absolute() else quote(os.fsencode(shown.as_posix()))


def _body(level: str, text: str, uri: str, span: Span | None) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if span is not None and span.cell:  # a notebook's text is not made of the cells' lines
        text = f"cell {span.cell}, line {span.line}: {text}"
    elif span is not None:
        location["region"] = _region((span.line, span.column), (span.end_line, span.end_column))
    return {"level": level, "message": {"text": text}, "locations": [{"physicalLocation": location}]}


def _region(start: tuple[int, int], end: tuple[int, int]) -> dict[str, int]:
    """Columns count from 0 as given and from 1 as written; the end is exclusive in both."""
    return {"startLine": start[0], "startColumn": start[1] + 1, "endLine": end[0], "endColumn": end[1] + 1}


def _fix(result: FileResult, uri: str) -> dict[str, Any]:
    before, after = Source.parse(result.before).lines, Source.parse(result.after).lines

    def position(index: int) -> tuple[int, int]:
        """Where the line of that index begins, or the text ends."""
        at_end = index == len(before) and before and not before[-1].endswith(("\n", "\r"))
        return (index, len(before[-1])) if at_end else (index + 1, 0)

    replacements = [
        {
            "deletedRegion": _region(position(start), position(end)),
            "insertedContent": {"text": "".join(after[new_start:new_end])},
        }
        for tag, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes()
        if tag != "equal"
    ]
    return {
        "description": {"text": f"What rewriter fix makes of the file: {plural(len(replacements), 'replacement')}"},
        "artifactChanges": [{"artifactLocation": {"uri": uri}, "replacements": replacements}],
    }
