"""A project's own `runtime` and the package that rewritten code imports: Python finds one of the two only."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.cli import main

MODEL = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "src" / "net").mkdir(parents=True)
    (tmp_path / "src" / "net" / "__init__.py").touch()
    (tmp_path / "src" / "net" / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", ["runtime/server.py", "runtime/http/__init__.py", "src/runtime/io.py"])
def test_nothing_is_written_beside_a_foreign_runtime_without_init(
    project: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / place).parent.mkdir(parents=True, exist_ok=True)
    (project / place).write_text("PORT = 1\n")
    assert main(["fix", "src"]) == 2
    said = capsys.readouterr().err
    assert "has the name of the package that rewritten code imports" in said and "runtime-import" in said
    assert (project / "src" / "net" / "model.py").read_text() == MODEL
    (project / "pyproject.toml").write_text('[tool.rewriter]\nruntime-import = "quant.runtime"\n')
    assert main(["fix", "src"]) == 0


def test_a_folder_without_source_is_no_package(project: Path) -> None:
    (project / "runtime" / "logs").mkdir(parents=True)
    (project / "runtime" / "logs" / "today.log").touch()
    assert main(["fix", "src"]) == 0
