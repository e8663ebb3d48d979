"""`fix` in several processes, ended at random moments: no process stays, no file but those that were there, none in part."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from rewriter.run import run
from rewriter.settings import Settings
from rewriter.work import Job

ROOT = Path(__file__).parents[2]
MODEL = """\
import torch
from torch import nn


class Net{0}(nn.Module):
    def forward(self, x, y):
        return torch.relu(x + y) * {0}
"""
FILES = 12


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    folder.mkdir()
    for index in range(FILES):
        (folder / f"m{index}.py").write_text(MODEL.format(index))
    yield folder


def start(project: Path, interrupt: signal.Handlers) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rewriter", "fix", "--isolated", "-j", "2", str(project)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(project.parent / "cache")},
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, interrupt),
    )


def after_all(project: Path) -> dict[str, bytes]:
    job = Job((project,), Settings(isolated=True))
    return {result.path.name: result.after for result in run(sorted(project.iterdir()), job, 1)}


def assert_nobody_is_left(group: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("a process outlived the one that started it")


def assert_whole(project: Path, after: dict[str, bytes]) -> None:
    assert {path.name for path in project.iterdir()} == set(after)
    assert all(b"Net" in path.read_bytes() for path in project.iterdir())
    for index in range(FILES):
        content = (project / f"m{index}.py").read_bytes()
        assert content in (MODEL.format(index).encode(), after[f"m{index}.py"])
    cache = project.parent / "cache"
    assert [path for path in cache.rglob(".*") if path.is_file()] == []


def one_worker(parent: int) -> int | None:
    """A process that works for that one, if there is one yet."""
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit():
                continue
            if (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(parent):
                return int(entry.name)
        except OSError:
            continue
    return None


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("kind", ["parent killed", "parent ended", "worker killed", "ctrl-c", "sigint to the parent"])
@pytest.mark.parametrize("moment", range(2))
def test_ended_at_a_random_moment(project: Path, kind: str, moment: int) -> None:
    after = after_all(project)
    process = start(project, signal.SIG_DFL)
    time.sleep(random.uniform(0.1, 2.5))
    if kind == "parent killed":
        process.kill()
    elif kind == "parent ended":
        process.terminate()
    elif kind == "worker killed" and (worker := one_worker(process.pid)) is not None:
        os.kill(worker, signal.SIGKILL)
    elif kind == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)
    elif kind == "sigint to the parent":
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert_nobody_is_left(process.pid)
    assert_whole(project, after)
    if kind == "worker killed":
        assert process.returncode in (0, 2)


def test_ctrl_c_that_is_ignored_disturbs_nobody(project: Path) -> None:
    """As behind nohup."""
    after = after_all(project)
    process = start(project, signal.SIG_IGN)
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.2)
    assert process.communicate()[1] == "" and process.returncode == 0
    assert_nobody_is_left(process.pid)
    assert {path.name: path.read_bytes() for path in project.iterdir()} == after
