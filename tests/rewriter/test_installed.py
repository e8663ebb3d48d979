"""A package that is rewritten where it is installed, beside others."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.cli import main

BASE = """from torch import nn


class Base(nn.Module):
    def join(self, x, y):
        return x + y


def twice(x):
    return x + x
"""
NET = """from torch import nn

from beside import Base, twice


class Net(Base):
    def forward(self, x):
        return twice(x) * self.join(x, x)
"""


@pytest.mark.parametrize("name", ["site-packages", "dist-packages"])
def test_it_is_written_as_it_is_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, beside = tmp_path / name, tmp_path / name / "beside.py"
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "__init__.py").write_text("")
    (folder / "own" / "net.py").write_text(NET)
    beside.write_text(BASE)
    monkeypatch.chdir(folder)
    assert main(["fix", "-q", "--no-cache", "own"]) == 0
    assert (folder / "own" / "net.py").read_text() == NET, "what `Base` is, another project says"
    assert main(["fix", "-q", "--no-cache", "."]) == 0
    assert "runtime.modules" in (folder / "own" / "net.py").read_text(), "the folder as a whole is one project"
    assert "runtime.modules" in beside.read_text()
