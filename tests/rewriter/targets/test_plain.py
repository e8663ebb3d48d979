"""`fix --target plain`: the way back, byte for byte where only `fix` has written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rewriter.cli import main

ROOT = Path(__file__).parents[3]
MODEL = """\
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        out = (x + self.conv(x))
        out.add_(x)
        out += x
        return F.relu(torch.cat((out, x), 1), True)


class Tail(nn.Module):
    def forward(self, x):
        return x.relu().mul(2) - 1
"""


def fix(*arguments: str | Path) -> int:
    return main(["fix", "--isolated", "-q", *map(str, arguments)])


def fixed(folder: Path, text: str = MODEL) -> Path:
    file = folder / "model.py"
    file.write_text(text)
    assert fix(file) == 0
    assert "runtime.modules" in file.read_text()
    return file


def test_a_file_that_only_fix_has_touched_comes_back(tmp_path: Path) -> None:
    file = fixed(tmp_path)
    assert fix("--target", "plain", file) == 0
    assert file.read_text() == MODEL


@pytest.mark.parametrize("unsafe", [(), ("--unsafe-fixes",)])
def test_all_fixtures_come_back(tmp_path: Path, unsafe: tuple[str, ...]) -> None:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    before = {file: file.read_bytes() for file in (tmp_path / "fixtures").rglob("*.py")}
    fix(*unsafe, tmp_path)
    assert sum(file.read_bytes() != content for file, content in before.items()) > len(before) // 2
    fix("--target", "plain", tmp_path)
    assert {file: file.read_bytes() for file in before} == before


def test_a_second_fix_and_edits_in_between_are_taken_back_one_by_one(tmp_path: Path) -> None:
    file = fixed(tmp_path)
    more = "\n\nclass Late(nn.Module):\n    def forward(self, x):\n        return x / 2\n"
    file.write_text(file.read_text() + more)
    assert fix(file) == 0
    assert fix("--target", "plain", file) == 0
    assert file.read_text() == MODEL + more


def test_what_somebody_edited_stays_with_all_that_belongs_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = fixed(tmp_path)
    file.write_text(file.read_text().replace("self.sub(self.mul(", "3 * self.sub(self.mul("))
    assert main(["fix", "--isolated", "--target", "plain", str(file)]) == 0
    block, tail = file.read_text().split("class Tail")
    assert block.split("class Block")[1] == MODEL.split("class Tail")[0].split("class Block")[1]
    assert "import runtime.modules" in block
    assert "self.mul = runtime.modules.EltWiseMult()" in tail and "3 * self.sub(self.mul(" in tail
    assert "RW402 left: this stays" in capsys.readouterr().out


def test_a_new_use_of_what_fix_made_keeps_it(tmp_path: Path) -> None:
    file = fixed(tmp_path)
    more = "\n    def again(self, x):\n        return self.mul(x, 3)\n"
    file.write_text(file.read_text() + more)
    fix("--target", "plain", file)
    assert "self.mul = runtime.modules.EltWiseMult()" in file.read_text()


def test_a_file_that_was_moved_comes_back(tmp_path: Path) -> None:
    file = fixed(tmp_path)
    moved = file.rename(tmp_path / "moved.py")
    assert fix("--target", "plain", moved) == 0
    assert moved.read_text() == MODEL


def test_without_a_record_nothing_is_written_and_the_lines_are_named(
    tmp_path: Path, own_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = fixed(tmp_path)
    shutil.rmtree(own_cache)
    before = file.read_bytes()
    assert main(["check", "--isolated", "--target", "plain", str(file)]) == 0
    assert file.read_bytes() == before
    assert "there is no record" in capsys.readouterr().out
