"""`rewriter coverage`: the operations of a package, counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewriter.cli import main

SOURCE = """\
import torch
from torch import nn

from elsewhere import Unknown


class Net(nn.Module):
    def forward(self, x):
        x = torch.relu(x) + 1
        while x.sum() > 1:
            x = x / 2
        return x - Unknown(x), torch.arange(3) * 2
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("net", "net/parts"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
        (tmp_path / folder / "model.py").write_text(SOURCE)
    (tmp_path / "net" / "broken.py").write_text("def (")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_operations_are_counted_by_folder_and_reason(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "net", "--format", "json"]) == 2, "a file failed, which must not pass for covered"
    document = json.loads(capsys.readouterr().out)
    one = {"met": 5, "rewritten": 5, "shared": 2, "unsafe": 0, "left": {}, "unknown_calls": 1}
    assert document["folders"]["net/parts"] == {"files": 2, "failed": 0, **one}
    assert document["folders"]["net"] == {"files": 3, "failed": 1, **one}
    assert document["total"]["met"] == 10 and document["total"]["files"] == 5


def test_what_is_selected_and_ignored_is_counted(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["coverage", "net/parts", "--select", "RW101", "--ignore", "RW902", "--format", "json"])
    document = json.loads(capsys.readouterr().out)["total"]
    assert (document["rewritten"], document["shared"]) == (3, 0)


def test_the_table_has_every_folder_and_writes_nothing(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["coverage", "net", "-o", "coverage.txt"])
    table = (package / "coverage.txt").read_text()
    assert [line.split() for line in table.splitlines()[1:4]] == [
        ["net", "5", "5", "2", "0", "0", "100.0%"],
        ["net/parts", "5", "5", "2", "0", "0", "100.0%"],
        ["all", "10", "10", "4", "0", "0", "100.0%"],
    ]
    assert "2  unknown  calls" in table
    assert (package / "net" / "model.py").read_text() == SOURCE
