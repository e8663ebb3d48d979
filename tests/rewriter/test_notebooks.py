"""Notebooks are checked cell by cell, and never written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewriter.cli import main

IMPORTS = ["!pip install torch\n", "%matplotlib inline\n", "import torch\n", "from torch import nn"]
MODEL = ["%%time\n", "class Net(nn.Module):\n", "    def forward(self, x):\n", "        return torch.relu(x) + 1"]


def notebook(*cells: list[str] | str, language: str = "python") -> bytes:
    made = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in cells]
    text = {"cell_type": "markdown", "source": ["torch"], "metadata": {}}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": language}}}
    return json.dumps({**document, "cells": [text, *made]}).encode()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(content: bytes, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    Path("try.ipynb").write_bytes(content)
    code = main(["check", "--format", "json", *more])
    (file,) = json.loads(capsys.readouterr().out)["files"]
    return code, file


def test_findings_are_said_by_cell_and_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, file = check(notebook(IMPORTS, "%%bash\nfor (\n", MODEL), capsys)
    assert code == 0 and file["changed"] is False
    first, second = file["refusals"]
    assert first["code"] == "RW991" and "self.relu, nn.ReLU, in a file (RW106)" in first["message"]
    assert first["range"] == {"cell": 4, "line": 4, "column": 16, "end_line": 4, "end_column": 29}
    assert second["range"]["cell"] == 4 and "move the model into a module" in second["advice"]
    assert main(["check"]) == 0
    assert "try.ipynb:cell 4:4:16: RW991 left: " in capsys.readouterr().out


def test_fix_leaves_it_as_it_is(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("try.ipynb").write_bytes(content := notebook(IMPORTS, MODEL))
    assert main(["fix", "try.ipynb"]) == 0
    assert "2 left with a reason" in capsys.readouterr().out
    assert Path("try.ipynb").read_bytes() == content


def test_comments_and_settings_hold(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = [*MODEL[:-1], MODEL[-1] + "  # rewriter: ignore"]
    assert check(notebook(IMPORTS, quiet), capsys)[1]["refusals"] == []
    assert check(notebook(IMPORTS, MODEL), capsys, "--ignore", "RW991")[1]["refusals"] == []
    (left,) = check(notebook(IMPORTS, MODEL), capsys, "--ignore", "RW101")[1]["refusals"]
    assert "RW106" in left["message"]


def test_a_cell_that_does_not_parse_hides_no_other(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, file = check(notebook(IMPORTS, "broken (\nmore", MODEL), capsys)
    said = [(left["range"]["cell"], left["message"]) for left in file["refusals"]]
    assert len(said) == 3 and (3, "the cell is not Python that can be parsed, and was passed over") in said


@pytest.mark.parametrize("content", [b"torch", b'{"torch": 1}', b'{"cells": [{"torch": 1}]}', b"[" * 99999 + b"torch"])
def test_what_is_no_notebook_fails(project: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    code, file = check(content, capsys)
    assert code == 2 and file["failure"]["kind"] == "notebook"


def test_other_languages_and_notebooks_without_torch(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(notebook(IMPORTS, MODEL, language="R"), capsys)[1]["refusals"] == []
    assert check(b"{not even JSON", capsys)[0] == 0


@pytest.mark.parametrize("form", ["github", "sarif", "rdjson"])
def test_every_format_names_the_cell(project: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    Path("try.ipynb").write_bytes(notebook(IMPORTS, MODEL))
    assert main(["check", "--format", form]) == 0
    assert "cell 3, line 4: left: " in capsys.readouterr().out
