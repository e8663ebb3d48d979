"""The edits of a file: together they are what `fix` writes, each with the findings that need it, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rewriter import rule_codes as codes
from rewriter.engine import rewrite
from rewriter.python.source import Source
from rewriter.report import as_json
from rewriter.report.form import Form
from rewriter.report.render import render
from rewriter.results import Failure, FileResult
from rewriter.settings import Settings
from tests.rewriter.test_report import MODEL, RESULTS

MODELS = {path.name: path.read_text() for path in Path("fixtures/models").glob("*.py")} | {"net.py": MODEL}
WIDE = MODEL.replace("x = self", "größe = x; x = self").replace("+ 1", "+ größe")


def result_of(text: str) -> FileResult:
    result = rewrite(text.encode(), Path("m.py"), Settings(unsafe_fixes=True))
    assert result.changed
    return result


def applied(text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]]) -> str:
    """With lines from 1 and columns in characters from 0."""
    starts = [0]
    for line in Source.parse(text.encode()).lines:
        starts.append(starts[-1] + len(line))
    for (line, column), (end_line, end_column), new in reversed(edits):
        text = text[: starts[line - 1] + column] + new + text[starts[end_line - 1] + end_column :]
    return text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("text", [*MODELS.values(), WIDE])
def test_all_edits_together_are_what_fix_writes(text: str, newline: str) -> None:
    result = result_of(text := text.replace("\n", newline))
    document = json.loads(as_json.dumps([result], unsafe_fixes=True))
    edits = [
        ((place["line"], place["column"] - 1), (place["end_line"], place["end_column"] - 1), edit["text"])
        for edit in document["files"][0]["edits"]
        for place in [edit["range"]]
    ]
    assert applied(text, edits).encode() == result.after


@pytest.mark.parametrize("text", [*MODELS.values(), WIDE])
def test_every_finding_has_an_edit_at_its_place(text: str) -> None:
    result = result_of(text)
    for index, finding in enumerate(result.findings):
        own = [edit for edit in result.edits if index in edit.findings]
        assert any(edit.span.line <= finding.span.line <= edit.span.end_line for edit in own), finding
    (imported,) = [edit for edit in result.edits if "import runtime.modules" in edit.text]
    assert imported.findings == ()


def test_the_schema_holds() -> None:
    schema = json.loads(Path("rewriter/report/schema.json").read_text())
    validator = Draft202012Validator(schema)
    for results in (RESULTS, [result_of(text) for text in MODELS.values()], []):
        validator.validate(json.loads(as_json.dumps(results, unsafe_fixes=False)))
    document = json.loads(as_json.dumps(RESULTS, unsafe_fixes=False))
    del document["files"][0]["findings"][0]["applied"]
    assert not validator.is_valid(document)


def suggestions(text: str) -> list[dict[str, Any]]:
    document = json.loads(render([result_of(text)], Form("rdjson", unsafe_fixes=True)))
    return [found for found in document["diagnostics"] if found.get("suggestions")]


def test_suggestions_count_bytes_and_together_are_what_fix_writes() -> None:
    lines = Source.parse(WIDE.encode()).lines

    def characters(position: dict[str, int]) -> tuple[int, int]:
        line = lines[position["line"] - 1] if position["line"] <= len(lines) else ""
        return position["line"], len(line.encode()[: position["column"] - 1].decode())

    found = [found["suggestions"][0] for found in suggestions(WIDE)]
    edits = [(characters(s["range"]["start"]), characters(s["range"]["end"]), s["text"]) for s in found]
    assert applied(WIDE, edits).encode() == result_of(WIDE).after


def test_what_suggestions_say() -> None:
    said = [(found["code"]["value"], found["message"]) for found in suggestions(MODEL)]
    assert said[0] == ("RW101", "Needed by what follows. Commit all suggestions of this file together.")
    assert said[1][1].startswith("Needed by line 10, 11.")
    assert said[2][1].startswith("`+` becomes self.add, runtime.modules.EltWiseAdd. Commit all")


def test_what_has_no_suggestion() -> None:
    document = json.loads(render(RESULTS, Form("rdjson")))
    assert [(found["code"]["value"], found["severity"]) for found in document["diagnostics"]] == [
        ("RW902", "INFO"), ("RW301", "INFO"), ("RW990", "INFO"), ("syntax", "ERROR"), ("unreadable", "ERROR"),
    ]  # fmt: skip


def test_help_pages_where_the_documentation_has_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "$schema" in json.loads(render(RESULTS, Form("sarif")))
    monkeypatch.setattr(codes, "_documentation", lambda: "https://docs.example")
    rules = json.loads(render([], Form("sarif")))["runs"][0]["tool"]["driver"]["rules"]
    assert rules[0]["helpUri"] == "https://docs.example/rules/#rw101"
    failed = [FileResult(Path("a.py"), failure=Failure("syntax", "no"))]
    assert "url" not in json.loads(render(failed, Form("rdjson")))["diagnostics"][0]["code"]
