"""The hooks, run by the real pre-commit in a project of their own; its environment is a base install without torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"


def git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    revision = git("rev-parse", "HEAD", cwd=ROOT)
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {ROOT}\n  rev: {revision}\n  hooks:\n  - id: rewriter-check\n  - id: rewriter-fix\n"
    )
    (folder / "model.py").write_text(MODEL)
    (folder / "notes.txt").write_text("x + 1\n")
    (folder / "third_party").mkdir()
    (folder / "third_party" / "model.py").write_text(MODEL)
    (folder / "pyproject.toml").write_text("[tool.rewriter]\nextend-exclude = ['third_party']\n")
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    return folder


def pre_commit(project: Path, hook: str) -> subprocess.CompletedProcess[str]:
    home = project.parent / "pre-commit-home"
    environment = {**os.environ, "PRE_COMMIT_HOME": str(home)}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "pre_commit", "run", hook, "--all-files", "--verbose"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def test_check_then_fix_then_nothing_to_do(project: Path) -> None:
    checked = pre_commit(project, "rewriter-check")
    assert checked.returncode == 1 and "model.py:6:16: RW101" in checked.stdout, checked.stdout + checked.stderr
    assert (project / "model.py").read_text() == MODEL

    fixed = pre_commit(project, "rewriter-fix")
    assert fixed.returncode == 1 and "files were modified by this hook" in fixed.stdout
    assert "self.add(x, 1)" in (project / "model.py").read_text()
    assert (project / "third_party" / "model.py").read_text() == MODEL

    git("add", ".", cwd=project)
    assert pre_commit(project, "rewriter-check").returncode == 0
    assert pre_commit(project, "rewriter-fix").returncode == 0


def test_the_base_install_has_no_torch(project: Path) -> None:
    (python,) = (project.parent / "pre-commit-home").glob("repo*/py_env-*/bin/python")
    done = subprocess.run([python, "-c", "import torch"], capture_output=True, text=True, cwd=project)
    assert "No module named 'torch'" in done.stderr
    (project / "model.py").write_text(MODEL)
    subprocess.run([python, "-m", "rewriter", "fix", "-q", "model.py"], cwd=project, check=True)
    assert "self.add(x, 1)" in (project / "model.py").read_text()
