"""What is remembered of earlier runs: the same results, byte for byte, and none that holds no more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rewriter import engine
from rewriter.cache import state
from rewriter.cli import main

ROOT = Path(__file__).parents[2]
BASE = """\
from torch import nn


class Base(nn.Module):
    def forward(self, x):
        return self.part(x) + x
"""
MODEL = """\
import torch
from net.base import Base


class Net(Base):
    def part(self, x):
        return torch.relu(x)  # größer
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "net").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.rewriter]\n")
    (folder / "net" / "__init__.py").write_text("")
    (folder / "net" / "base.py").write_text(BASE)
    (folder / "net" / "model.py").write_text(MODEL)
    (folder / "net" / "wrong.py").write_text("def f(:\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that the engine has been given."""
    names: list[str] = []
    for goal in ("judge", "rewrite"):
        real = getattr(engine, goal)

        def noted(source: bytes, path: Path, *rest: object, real: Callable[..., object] = real) -> object:
            names.append(path.name)
            return real(source, path, *rest)

        monkeypatch.setattr(engine, goal, noted)
    return names


def said(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, bytes]:
    capsysbinary.readouterr()
    code = main([*arguments])
    return code, *capsysbinary.readouterr()


COMMANDS = (
    ["check", "net"],
    ["check", "--format", "json", "-v", "net"],
    ["fix", "--diff", "net"],
    ["check", "--format", "sarif", "--unsafe-fixes", "net"],
    ["coverage", "net"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_second_run_says_the_same_and_judges_nothing(
    project: Path, judged: list[str], capsysbinary: pytest.CaptureFixture[bytes], command: list[str]
) -> None:
    without = said(capsysbinary, *command, "--no-cache")
    assert judged and not (project.parent / "cache").exists()
    assert said(capsysbinary, *command) == without
    judged.clear()
    assert said(capsysbinary, *command) == without and not judged


def test_fix_writes_from_memory_what_it_would_have_written(project: Path, judged: list[str]) -> None:
    main(["fix", "--diff", "net"])
    judged.clear()
    main(["fix", "net"])
    assert not judged and "self.relu(x)" in (project / "net" / "model.py").read_text()
    main(["fix", "--target", "plain", "net"])
    assert (project / "net" / "model.py").read_text() == MODEL


CHANGES: dict[str, Callable[[Path], object]] = {
    "the file": lambda p: (p / "net" / "model.py").write_text(MODEL.replace("relu", "sigmoid")),
    "a base": lambda p: (p / "net" / "base.py").write_text(BASE.replace("nn.Module", "object")),
    "a new file": lambda p: (p / "net" / "new.py").write_text("import net.model\nnet.model.Net.part = None\n"),
    "a file that is gone": lambda p: (p / "net" / "base.py").unlink(),
    "the formatter": lambda p: (p / "pyproject.toml").write_text("[tool.rewriter]\n[tool.black]\nline-length = 40\n"),
    "the settings": lambda p: (p / "pyproject.toml").write_text('[tool.rewriter]\nignore = ["RW101"]\n'),
    "patterns": lambda p: (p / "pyproject.toml").write_text('[tool.rewriter.per-file-ignores]\n"base.py" = ["RW1"]\n'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_found_out_anew(
    project: Path, capfdbinary: pytest.CaptureFixture[bytes], change: str
) -> None:
    """In processes of their own, as a formatter's settings are read once."""
    command = [sys.executable, "-m", "rewriter", "fix", "--diff", "net"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before = subprocess.run(command, env=environment, capture_output=True)
    CHANGES[change](project)
    with_cache = subprocess.run(command, env=environment, capture_output=True)
    without = subprocess.run([*command, "--no-cache"], env=environment, capture_output=True)
    assert (with_cache.stdout, with_cache.stderr) == (without.stdout, without.stderr)
    assert (without.stdout, without.stderr) != (before.stdout, before.stderr)


def test_another_version_finds_out_anew(project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    main(["check", "-q", "net"])
    judged.clear()
    monkeypatch.setattr(state, "_program", lambda: "another")
    main(["check", "-q", "net"])
    assert "model.py" in judged


def test_a_module_that_was_looked_for_beyond_the_project_and_comes_later(project: Path, judged: list[str]) -> None:
    (project / "net" / "model.py").write_text(MODEL.replace("net.base", "other.base"))
    main(["check", "-q", "net"])
    (project / "other").mkdir()
    (project / "other" / "base.py").write_text(BASE)
    judged.clear()
    main(["check", "-q", "net"])
    assert "model.py" in judged


@pytest.mark.parametrize("spoil", [lambda c: c[:-9], lambda c: b"", lambda c: c.replace(b"RW101", b"RW102")])
def test_an_entry_that_is_not_whole_counts_for_nothing(
    project: Path, capsysbinary: pytest.CaptureFixture[bytes], spoil: Callable[[bytes], bytes]
) -> None:
    before = said(capsysbinary, "check", "net")
    (entry,) = (project.parent / "cache" / "rewriter" / "results").iterdir()
    entry.write_bytes(spoil(entry.read_bytes()))
    assert said(capsysbinary, "check", "net") == before


def test_a_file_that_is_saved_while_it_is_judged_is_not_remembered(
    project: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.judge

    def saved(source: bytes, path: Path, *rest: object) -> object:
        (project / "net" / "model.py").write_text(MODEL.replace("relu", "tanh"))
        return real(source, path, *rest)

    monkeypatch.setattr(engine, "judge", saved)
    main(["check", "-q", "net"])
    assert not (project.parent / "cache" / "rewriter" / "results").exists()


def test_a_cache_that_others_may_write_is_not_used(project: Path, judged: list[str]) -> None:
    main(["check", "-q", "net"])
    (project.parent / "cache" / "rewriter").chmod(0o777)
    judged.clear()
    main(["check", "-q", "net"])
    assert "model.py" in judged


def test_several_processes_may_remember_at_once(project: Path) -> None:
    command = [sys.executable, "-m", "rewriter", "check", "net"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: subprocess.run(command, env=environment, capture_output=True), range(4)))
    assert len({(run.returncode, run.stdout, run.stderr) for run in runs}) == 1
    assert len(list((project.parent / "cache" / "rewriter" / "results").iterdir())) == 1


def test_clean_leaves_the_way_back(project: Path, judged: list[str]) -> None:
    main(["fix", "-q", "net"])
    kernels = project.parent / "cache" / "rewriter" / "kernels-1"
    kernels.mkdir()
    assert main(["clean"]) == 0
    assert kernels.exists() and not (project.parent / "cache" / "rewriter" / "results").exists()
    judged.clear()
    main(["fix", "-q", "--target", "plain", "net"])
    assert (project / "net" / "model.py").read_text() == MODEL
    main(["check", "-q", "net"])
    assert "model.py" in judged


@pytest.mark.parametrize("count", [1, 3, 7])
def test_all_shards_together_are_the_whole(
    project: Path, capsysbinary: pytest.CaptureFixture[bytes], count: int
) -> None:
    _, whole, _ = said(capsysbinary, "fix", "--diff", "--no-cache", "net")
    parts = [said(capsysbinary, "fix", "--diff", "--shard", f"{n + 1}/{count}", "net")[1] for n in range(count)]
    cut = [b"diff --git" + part for text in parts for part in text.split(b"diff --git")[1:]]
    assert b"".join(sorted(cut)) == whole


@pytest.mark.parametrize("wrong", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_a_shard_that_there_is_not(project: Path, capsysbinary: pytest.CaptureFixture[bytes], wrong: str) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--shard", wrong, "net"])
    assert b"expected I/N with I from 1 to N" in capsysbinary.readouterr().err
