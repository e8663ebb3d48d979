"""Findings that a person picks: in the page, whose selection `fix` applies, or one by one in the terminal."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from rewriter.cli import main
from rewriter.engine import rewrite
from rewriter.selection import Selection, digest
from rewriter.settings import Settings
from tests.rewriter.executed import HEADER, assert_equal_models, load

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 3)

    def forward(self, x):
        return torch.exp(x + 1 + 2)
"""
INNER = {"code": "RW101", "range": {"line": 11, "column": 26, "end_line": 11, "end_column": 31}}
OUTER = {"code": "RW101", "range": {"line": 11, "column": 26, "end_line": 11, "end_column": 35}}
LSTM = {"code": "RW301", "range": {"line": 8, "column": 21, "end_line": 8, "end_column": 28}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "other.py").write_text(MODEL)
    return tmp_path


def select(*findings: dict[str, Any], **more: Any) -> None:
    entry = {"path": "model.py", "sha256": digest(MODEL.encode()), "findings": findings, **more}
    Path("selection.json").write_text(json.dumps({"version": 1, "paths": ["."], "files": [entry]}))


def call(place: str) -> str:
    return Path(place).read_text().splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("picked", "expected"),
    [
        (INNER, "return torch.exp(self.add(x, 1) + 2)"),
        (OUTER, "return torch.exp(self.add(x + 1, 2))"),
    ],
)
def test_what_was_picked_and_nothing_else(project: Path, picked: dict[str, Any], expected: str) -> None:
    select(picked)
    assert main(["fix", "-q", "--selection", "selection.json"]) == 0
    assert call("model.py") == expected
    assert (project / "other.py").read_text() == MODEL


def test_an_unsafe_finding_that_was_picked_is_applied(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    select(LSTM)
    assert main(["fix", "--selection", "selection.json"]) == 0
    assert "runtime.modules.LSTM(3, 3)" in (project / "model.py").read_text()
    assert "1 operation rewritten in 1 file (2 files read)." in capsys.readouterr().out


def test_the_same_rules_hold_with_several_processes(project: Path) -> None:
    select(INNER, LSTM)
    assert main(["fix", "-q", "-j", "2", "--selection", "selection.json"]) == 0
    assert call("model.py") == "return torch.exp(self.add(x, 1) + 2)"
    assert (project / "other.py").read_text() == MODEL


def test_a_file_that_changed_since_the_review_is_left(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    select(INNER)
    (project / "model.py").write_text("\n" + MODEL)
    assert main(["fix", "--selection", "selection.json"]) == 2
    assert (
        "model.py: error changed: the file is not the one that the selection was made from" in capsys.readouterr().out
    )
    assert (project / "model.py").read_text() == "\n" + MODEL


def test_other_settings_than_those_of_the_review(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    select(INNER)
    assert main(["fix", "--selection", "selection.json", "--ignore", "RW101"]) == 0
    assert "model.py:11:26: RW101 was selected and not applied: it needs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{}", "not a selection that the page of `rewriter report` saved (KeyError: 'files')"),
        ("[1", "not a selection"),
        ('{"paths": ["."], "files": [{"path": "gone.py", "sha256": "", "findings": []}]}', "there is no gone.py here"),
    ],
)
def test_what_is_no_selection(
    project: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    if content is not None:
        Path("selection.json").write_text(content)
    assert main(["fix", "--selection", "selection.json"]) == 2
    assert said in capsys.readouterr().err
    assert (project / "model.py").read_text() == MODEL


def interactive(monkeypatch: pytest.MonkeyPatch, answers: str, *arguments: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))
    return main(["fix", "--interactive", *arguments])


@pytest.mark.parametrize(
    ("answers", "first", "second"),
    [
        ("nyn" + "ynn", "torch.exp(self.add(x, 1) + 2)", "self.exp(x + 1 + 2)"),
        ("ya", "self.exp(self.add2(self.add(x, 1), 2))", "self.exp(self.add2(self.add(x, 1), 2))"),
        ("yq", "self.exp(x + 1 + 2)", "torch.exp(x + 1 + 2)"),
        ("", "torch.exp(x + 1 + 2)", "torch.exp(x + 1 + 2)"),
    ],
)
def test_answers(project: Path, monkeypatch: pytest.MonkeyPatch, answers: str, first: str, second: str) -> None:
    assert interactive(monkeypatch, answers, "-q") == 0
    assert (call("model.py"), call("other.py")) == (f"return {first}", f"return {second}")


def test_what_is_asked(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert interactive(monkeypatch, "?ezn", "model.py", "--unsafe-fixes", "--select", "RW301") == 0
    said = capsys.readouterr().err
    assert "model.py:8:21 RW301 `nn.LSTM" in said and "+        self.lstm = runtime.modules.LSTM(3, 3)" in said
    assert "a: apply this and all that follow" in said
    assert "RW301: " in said and said.count("[1/1] apply?") == 4
    assert (project / "model.py").read_text() == MODEL


def test_only_what_a_finding_alone_changes_is_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interactive(monkeypatch, "ynn", "model.py")
    first, second, _ = capsys.readouterr().err.split("apply?")[:3]
    assert "+import runtime.modules" in first and "+        self.exp = runtime.modules.Exp()" in first
    assert "+        self.add = runtime.modules.EltWiseAdd()" in second
    assert "import runtime.modules" not in second and "+        self.exp" not in second


WOVEN = """
def mix(x, y):
    return torch.relu(x + y) * 2


class Base(nn.Module):
    def twice(self, x):
        return x * 2 + 1


class Net(Base):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.bn = nn.BatchNorm1d(4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.act = F.gelu

    def forward(self, x):
        for block in self.blocks:
            x = x + self.relu(block(x))
        x = self.bn(self.relu(self.bn(self.twice(x))))
        x = mix(self.twice(x), mix(x, x))
        return F.dropout(self.act(torch.cat([x, x], 1)), 0.5, self.training)
"""


@pytest.mark.parametrize("seed", range(12))
def test_any_selection_keeps_the_promises(seed: int) -> None:
    source, path = (HEADER + WOVEN).encode(), Path("model.py")
    everything = rewrite(source, path, Settings())
    assert len(everything.findings) > 12
    picked = random.Random(seed).sample(everything.findings, random.Random(seed).randint(1, len(everything.findings)))
    selection = Selection({path.resolve(): frozenset((finding.code, finding.span) for finding in picked)})
    result = rewrite(source, path, Settings(selection=selection))
    assert result.failure is None, result.failure
    assert {(f.code, f.span) for f in result.findings} <= {(f.code, f.span) for f in picked}
    models = []
    for text in (source, result.after):
        torch.manual_seed(0)
        models.append(load(text)["Net"]())
    assert_equal_models(*models, torch.randn(3, 4))
    rest = rewrite(result.after, path, Settings())
    assert rest.failure is None, rest.failure
