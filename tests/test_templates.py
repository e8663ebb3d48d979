"""The GitHub Action and the GitLab template: their scripts, run as the services run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MODEL = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("src/model.py", "other place/model.py", "bin/rewriter"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(MODEL)
    (tmp_path / "bin" / "rewriter").write_text(f'#!/bin/sh\nexec {sys.executable} -m rewriter "$@"\n')
    (tmp_path / "bin" / "rewriter").chmod(0o755)
    return tmp_path


def run(script: str, project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{project / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **variables}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def test_the_action_annotates(project: Path) -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    check = next(step for step in steps if step.get("name") == "Check")
    assert set(check["env"]) == {"PATHS", "ARGUMENTS"}
    done = run(check["run"], project, PATHS="src; touch harm", ARGUMENTS="")
    assert done.returncode == 2 and not (project / "harm").exists(), "inputs are words, and no script"
    done = run(check["run"], project, PATHS="src", ARGUMENTS="")
    assert done.returncode == 1 and done.stdout.startswith("::warning file=src/model.py,line=6,col=16,")
    done = run(check["run"], project, PATHS="src", ARGUMENTS="--ignore RW101")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_job_checks_and_keeps_a_review(project: Path) -> None:
    _, jobs = yaml.safe_load_all((ROOT / "templates" / "rewriter.yml").read_text())
    job: dict[str, Any] = jobs["rewriter-check"]
    done = run("\n".join(job["script"][1:]), project, PATHS="src", ARGUMENTS="")
    assert done.returncode == 1 and "src/model.py:6:16: RW101" in done.stdout
    assert job["artifacts"]["paths"] == ["review.html"] and job["artifacts"]["when"] == "always"
    assert (project / "review.html").is_file()
