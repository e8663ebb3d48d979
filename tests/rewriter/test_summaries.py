"""Calls that are recalled: what a run finds out is the same as where each call is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.engine import rewrite
from rewriter.interpreter import activations
from rewriter.interpreter.summaries import SUMMARIES, Key, Summary
from rewriter.python.project import Project
from rewriter.settings import Settings

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/exact").glob("*.py"))[::6]

HELPERS = """\
import torch
import torch.nn.functional as F


def scaled(x, by):
    return x * by


def mixed(x, by=None):
    if by is None:
        by = torch.ones(1)
    return F.relu(scaled(x, by)) + scaled(x, 2)


def back(x, depth):
    return x if depth == 0 else back(x + 1, depth - 1)


class Store:
    def keep(self, x):
        return scaled(x, 3)
"""

MODELS = """\
import torch
from torch import nn

from pkg_summed.helpers import Store, back, mixed, scaled


class A(nn.Module):
    def forward(self, x):
        return mixed(x) + mixed(x)


class B(nn.Module):
    def forward(self, x, scale: float):
        for _ in range(2):
            x = mixed(x, scale)
        return back(mixed(x), 3)


class C(nn.Module):
    def __init__(self):
        super().__init__()
        self.store = Store()
        self.act = nn.ReLU()

    def helped(self, x):
        return self.act(mixed(x)) + self.store.keep(x)

    def forward(self, x):
        return self.helped(self.helped(x)) + scaled(x, 2)
"""


@pytest.fixture
def no_recall(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(activations, "recalled", lambda *_: None)
    return monkeypatch


def package(folder: Path) -> list[Path]:
    inside = folder / "pkg_summed"
    inside.mkdir()
    for name, text in {"__init__": "", "helpers": HELPERS, "models": MODELS}.items():
        (inside / f"{name}.py").write_text(text)
    return [inside / "helpers.py", inside / "models.py"]


def results(files: list[Path]) -> dict[str, tuple[object, ...]]:
    project = Project.for_paths(files)
    found = [rewrite(path.read_bytes(), path, Settings(), project) for path in files]
    return {r.path.name: (r.after, r.findings, r.refusals, r.failure) for r in found}


def test_recalled_calls_change_nothing(tmp_path: Path, no_recall: pytest.MonkeyPatch) -> None:
    files = package(tmp_path)
    run = results(files)
    no_recall.undo()
    assert results(files) == run == results(files[::-1])
    assert all(failure is None for *_, failure in run.values())


def test_calls_are_recalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = package(tmp_path)
    recalled = list[Summary]()
    found = activations.recalled

    def noted(*given: object) -> Summary | None:
        summary = found(*given)  # type: ignore[arg-type]
        recalled.extend([summary] if summary is not None else [])
        return summary

    monkeypatch.setattr(activations, "recalled", noted)
    project = Project.for_paths(files)
    for path in files:
        rewrite(path.read_bytes(), path, Settings(), project)
    known: dict[Key, list[Summary]] = project.answers.found(SUMMARIES, None, dict)
    assert {key.function.node.name for key in known} == {"scaled", "mixed", "back", "keep"}
    assert len(recalled) > 10


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_recalled_calls_change_nothing_in_what_users_write(path: Path, no_recall: pytest.MonkeyPatch) -> None:
    run = results([path])
    no_recall.undo()
    assert results([path]) == run
