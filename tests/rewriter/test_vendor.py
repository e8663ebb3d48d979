"""`rewriter vendor`: the copied modules are the same, and the project needs neither runtime nor rewriter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rewriter.cli import main

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.lstm = nn.LSTM(4, 4)

    def forward(self, x):
        x += self.conv(x)
        return self.lstm(torch.cat([x, self.conv(x)], 1).mean((2, 3)).reshape(-1, 1, 4))[0]
"""
RUN = """\
import importlib.util, pickle, sys, torch
assert importlib.util.find_spec("runtime") is None and importlib.util.find_spec("rewriter") is None
from net.model import Net
import net.quant.modules
torch.manual_seed(0)
model = Net().eval()
pickle.loads(pickle.dumps(model))
torch.jit.script(model.add)
print(model(torch.ones(2, 3, 4, 4)).sum().item(), sorted(net.quant.modules.__all__))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "__init__.py").touch()
    (tmp_path / "net" / "model.py").write_text(MODEL)
    return tmp_path


def test_the_project_runs_without_this_distribution(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "-q", "--unsafe-fixes", "net"]) == 0
    assert main(["vendor", "net/quant", "net"]) == 0
    told = capsys.readouterr().out
    assert 'runtime-import = "net.quant"' in told and "EltWiseAdd" in told
    text = (project / "net" / "model.py").read_text()
    assert "import net.quant.modules" in text and "runtime" not in text
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-c", _with_torch(RUN)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=project, env=alone)
    assert run.returncode == 0, run.stderr
    assert "'Concat', 'EltWiseAdd'" in run.stdout and "'LSTM'" in run.stdout and "'Interpolate'" not in run.stdout


def _with_torch(code: str) -> str:
    """The folder that holds torch, without the .pth files that would bring this distribution in."""
    import torch

    return f"import sys; sys.path += [{str(Path(torch.__file__).parents[1])!r}]; sys.path.insert(0, '')\n{code}"


def test_a_second_fix_changes_nothing(project: Path) -> None:
    main(["fix", "-q", "net"])
    main(["vendor", "net/quant", "net"])
    (project / "pyproject.toml").write_text('[tool.rewriter]\nruntime-import = "net.quant"\n')
    before = {file: file.read_bytes() for file in project.rglob("*.py")}
    assert main(["fix", "."]) == 0
    assert {file: file.read_bytes() for file in before} == before


def test_nothing_to_copy_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vendor", "net/quant", "net"]) == 2
    assert "run `rewriter fix` first" in capsys.readouterr().err
