"""Each format, read back as its reader reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from rewriter.engine import rewrite
from rewriter.python.source import Source
from rewriter.report.form import Form
from rewriter.report.render import render
from rewriter.results import Failure, FileResult, Finding, Refusal, Safety, Span
from rewriter.settings import Settings

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(x) + 1  # größer
        return self.relu(x)
"""

LOOP = """
class Net(nn.Module):
    def forward(self, x):
        while x.sum() > 1:
            x = x * 0.5
        return x
"""

SAFE = Finding("RW101", "`+` becomes self.add", Span(3, 4, 3, 9))
UNSAFE = Finding("RW301", "`nn.LSTM(3)` becomes its twin", Span(5, 0, 6, 1), Safety.UNSAFE, "types are compared")
LEFT = Refusal("RW902", "100% of\nit: runs, again", Span(4, 2, 4, 3), "unroll it")
UNUSED = Refusal("RW990", "`# rewriter: ignore` silences nothing", Span(1, 0, 1, 5), "take the comment out")
RESULTS = [
    FileResult(Path("a.py"), b"old", b"new", (SAFE, UNSAFE), (LEFT,), (SAFE,)),
    FileResult(Path("b.py"), b"x", b"x", refusals=(UNUSED,)),
    FileResult(Path("c, d:1%.py"), b"x", b"x", failure=Failure("syntax", "no `)`", Span(7, 1, 7, 1))),
    FileResult(Path("e.py"), failure=Failure("unreadable", "e.py: cannot be read: gone")),
]


def text(form: Form, results: list[FileResult] | None = None) -> str:
    return render(RESULTS if results is None else results, form).decode()


def test_what_is_said_of_an_operation_that_is_rewritten_is_a_note() -> None:
    noted = replace(LEFT, is_remark=True)
    shown = text(Form("text", statistics=True), [FileResult(Path("a.py"), b"old", b"new", (SAFE,), (noted, LEFT))])
    assert "a.py:4:3: RW902 note: 100% of" in shown and "a.py:4:3: RW902 left: 100% of" in shown
    assert "1 operation to rewrite in 1 file; 1 left with a reason; 1 note (1 file read)." in shown
    assert [line.split()[:3] for line in shown.splitlines()[-2:]] == [["1", "left", "RW902"], ["1", "noted", "RW902"]]


def test_what_shares_a_module_is_noted() -> None:
    source = f"import torch\nfrom torch import nn\n{LOOP}"
    result = rewrite(source.encode(), Path("a.py"), Settings())
    assert [(r.code, r.is_remark) for r in result.refusals] == [("RW902", True)] * 2 and len(result.findings) == 2


def test_text() -> None:
    assert text(Form("text")).splitlines() == [
        "a.py:3:5: RW101 `+` becomes self.add",
        "a.py:4:3: RW902 left: 100% of",
        "it: runs, again",
        "a.py:5:1: RW301 `nn.LSTM(3)` becomes its twin (only with --unsafe-fixes: types are compared)",
        "b.py:1:1: RW990 `# rewriter: ignore` silences nothing",
        "c, d:1%.py:7:2: error syntax: no `)`",
        "e.py: error unreadable: cannot be read: gone",
        "1 operation to rewrite in 1 file; 1 more with --unsafe-fixes; 1 left with a reason; 1 suppressed; "
        "1 suppression of no use; 2 files failed (4 files read).",
    ]


def test_text_after_writing_with_unsafe_fixes() -> None:
    lines = text(Form("text", written=True, unsafe_fixes=True, verbose=True, statistics=True)).splitlines()
    assert "    unroll it" in lines and "    take the comment out" in lines
    assert "a.py:5:1: RW301 `nn.LSTM(3)` becomes its twin (unsafe: types are compared)" in lines
    (closing,) = [line for line in lines if line.endswith("read).")]
    assert closing.startswith("2 operations rewritten in 1 file; 1 left with a reason; ")
    assert [line.split()[:3] for line in lines[lines.index(closing) + 1 :]] == [
        ["1", "rewritten", "RW101"],
        ["1", "rewritten", "RW301"],
        ["1", "left", "RW902"],
    ]


def test_quiet_text_holds_errors_alone() -> None:
    assert [line.split(" error ")[0] for line in text(Form("text", quiet=True)).splitlines()] == [
        "c, d:1%.py:7:2:",
        "e.py:",
    ]
    assert text(Form("text", quiet=True), RESULTS[:2]) == ""


def test_a_person_is_told_what_comes_next() -> None:
    assert "rewriter verify" in text(Form("text", written=True, color=True))
    assert "rewriter verify" not in text(Form("text", written=True)) + text(Form("text", color=True))


def test_color() -> None:
    plain, colored = text(Form("text")), text(Form("text", color=True))
    assert plain != colored and re.sub(r"\033\[[\d;]*m", "", colored) == plain


def test_json() -> None:
    report = json.loads(text(Form("json")))
    a, b, c, e = report["files"]
    assert a["path"] == "a.py" and a["changed"] is True and b["changed"] is False
    assert a["findings"][0] == {
        "code": "RW101",
        "message": "`+` becomes self.add",
        "range": {"line": 3, "column": 5, "end_line": 3, "end_column": 10},
        "safety": "safe",
        "applied": True,
    }
    assert a["findings"][1]["applied"] is False and a["findings"][1]["why_unsafe"] == "types are compared"
    assert a["refusals"][0]["advice"] == "unroll it" and a["refusals"][0]["message"] == LEFT.message
    assert c["failure"]["kind"] == "syntax" and c["failure"]["range"]["line"] == 7
    assert e["failure"]["range"] is None and a["failure"] is None
    assert report["summary"] == {
        "files": 4,
        "changed": 1,
        "failed": 2,
        "suppressed": 1,
        "unused_suppressions": 1,
        "findings": {"RW101": 1},
        "unsafe_findings": {"RW301": 1},
        "refusals": {"RW902": 1},
    }
    assert json.loads(text(Form("json", unsafe_fixes=True)))["summary"]["findings"] == {"RW101": 1, "RW301": 1}


def annotation(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command, taken apart as the runner does: at `::`, at the first blank, at commas; then unescaped."""

    def plain(value: str, more: dict[str, str]) -> str:
        for code, character in {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}.items():
            value = value.replace(code, character)
        return value

    start, _, message = line.removeprefix("::").partition("::")
    command, _, properties = start.partition(" ")
    pairs = (pair.split("=", 1) for pair in properties.split(","))
    return command, {name: plain(value, {"%3A": ":", "%2C": ","}) for name, value in pairs}, plain(message, {})


def test_github() -> None:
    read = [annotation(line) for line in text(Form("github")).splitlines()]
    assert [(command, where["file"], where["title"]) for command, where, _ in read] == [
        ("warning", "a.py", "RW101"),
        ("notice", "a.py", "RW902"),
        ("warning", "a.py", "RW301"),
        ("notice", "b.py", "RW990"),
        ("error", "c, d:1%.py", "syntax"),
        ("error", "e.py", "unreadable"),
    ]
    assert read[0][1] == {
        "file": "a.py", "line": "3", "col": "5", "endLine": "3", "endColumn": "10", "title": "RW101",
    }  # fmt: skip
    assert read[1][2] == "left: 100% of\nit: runs, again"


def sarif(results: list[FileResult]) -> dict[str, Any]:
    report = json.loads(text(Form("sarif"), results))
    assert report["version"] == "2.1.0"
    (run,) = report["runs"]
    assert isinstance(run, dict)
    return run


def test_sarif() -> None:
    run = sarif(RESULTS[1:])
    assert run["tool"]["driver"]["name"] == "rewriter" and run["columnKind"] == "unicodeCodePoints"
    unused, syntax, unreadable = run["results"]
    assert unused["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert unused["level"] == "note" and syntax["level"] == unreadable["level"] == "error"
    assert (syntax["ruleId"], unreadable["ruleId"]) == ("syntax", "unreadable")
    (place,) = syntax["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "c%2C%20d%3A1%25.py"},
        "region": {"startLine": 7, "startColumn": 2, "endLine": 7, "endColumn": 2},
    }
    assert "region" not in unreadable["locations"][0]["physicalLocation"]


@pytest.mark.parametrize("name", ["größe und maß.py", "a:b.py", "c%20.py", os.fsdecode(b"\xff.py")])
def test_sarif_names_files_by_uri(name: str) -> None:
    (found,) = sarif([FileResult(Path("pkg") / name, failure=Failure("crash", "died"))])["results"]
    uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii() and unquote_to_bytes(uri) == os.fsencode(f"pkg/{name}")
    (found,) = sarif([FileResult(Path("/else where/a.py"), failure=Failure("crash", "died"))])["results"]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///else%20where/a.py"


def apply(fix: dict[str, Any], before: str) -> str:
    """The replacements, from the last one to the first, each between two places of lines and columns."""
    source = Source.parse(before.encode())
    starts = [0]
    for line in source.lines:
        starts.append(starts[-1] + len(line))
    (change,) = fix["artifactChanges"]
    for replacement in reversed(change["replacements"]):
        region = replacement["deletedRegion"]
        assert region["endLine"] <= len(source.lines) + before.endswith(("\n", "\r"))
        start = starts[region["startLine"] - 1] + region["startColumn"] - 1
        end = starts[region["endLine"] - 1] + region["endColumn"] - 1
        before = before[:start] + replacement["insertedContent"]["text"] + before[end:]
    return before


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("final", [True, False], ids=["ended", "open"])
def test_sarif_fixes_give_what_fix_writes(newline: str, final: bool) -> None:
    before = (MODEL if final else MODEL.rstrip("\n")).replace("\n", newline)
    result = rewrite(before.encode(), Path("m.py"), Settings())
    assert result.changed
    (fix,) = [fix for found in sarif([result])["results"] for fix in found.get("fixes", [])]
    assert apply(fix, before).encode() == result.after


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    return tmp_path


ODD = [
    "plain.py",
    "two words.py",
    'quo"ted.py',
    "back\\slash.py",
    "größe.py",
    "tab\there.py",
    "line\nend.py",
    "-dash.py",
    "a folder/b/in it.py",
    " leading.py",
    os.fsdecode(b"latin-\xe4.py"),
]


@pytest.mark.parametrize("name", ODD, ids=ascii)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("final", [True, False], ids=["ended", "open"])
def test_git_applies_the_patch(repository: Path, name: str, newline: str, final: bool) -> None:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((MODEL if final else MODEL.rstrip("\n")).replace("\n", newline).encode())
    result = rewrite(path.read_bytes(), path, Settings())
    subprocess.run(["git", "apply", "-"], input=render([result], Form("diff")), check=True)
    assert path.read_bytes() == result.after != result.before


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch program")
@pytest.mark.parametrize("name", [n for n in ODD if "\n" not in n], ids=ascii)
def test_patch_applies_the_patch(repository: Path, name: str) -> None:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MODEL)
    result = rewrite(path.read_bytes(), path, Settings())
    subprocess.run(["patch", "-p1", "-s"], input=render([result], Form("diff")), check=True)
    assert path.read_bytes() == result.after


def test_a_patch_made_below_the_top_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "sub").mkdir()
    path = repository / "sub" / "m.py"
    path.write_text(MODEL)
    monkeypatch.chdir(path.parent)
    result = rewrite(path.read_bytes(), Path("m.py"), Settings())
    subprocess.run(["git", "apply", "-"], input=render([result], Form("diff")), check=True)
    assert path.read_bytes() == result.after


def test_several_files_in_one_patch(repository: Path) -> None:
    results = []
    for name in ("one.py", "two.py", "unchanged.py"):
        (repository / name).write_text("x = 1\n" if name == "unchanged.py" else MODEL)
        results.append(rewrite((repository / name).read_bytes(), Path(name), Settings()))
    patch = render(results, Form("diff"))
    assert b"unchanged" not in patch
    subprocess.run(["git", "apply", "-"], input=patch, check=True)
    assert all((repository / r.path).read_bytes() == r.after for r in results)
