"""Names that a function binds for torch's functions go with their last use, and nothing else goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.rewriter.executed import assert_equal_models, load, rewritten

HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n"

GOES = {
    "a function": ("softmax = torch.softmax", "return softmax(x, dim=1)"),
    "a declared type": ("relu: object = F.relu", "return relu(x)"),
    "two at once": ("first, second = F.elu, F.selu", "return second(first(x))"),
    "in a loop": ("for _ in range(2):", "    tanh = torch.tanh", "    x = tanh(x)", "return x"),
    "in a nested function": ("def run(y):", "    exp = torch.exp", "", "    return exp(y)", "", "return run(x)"),
}

STAYS = {
    "read besides": ("relu = F.relu", "self.last = relu", "return relu(x)"),
    "never read": ("relu = F.relu", "return F.relu(x)"),
    "bound twice": ("relu = F.relu", "x = relu(x)", "relu = 1", "return x"),
    "commented on": ("relu = F.relu  # the plain one", "return relu(x)"),
    "beside another statement": ("relu = F.relu; y = x", "return relu(y)"),
    "read by name": ("relu = F.relu", "self.names = sorted(locals())", "return relu(x)"),
    "more than a name": ("relu = (torch.manual_seed(0), F.relu)[1]", "return relu(x)"),
    "one of two is read": ("first, second = F.elu, F.selu", "self.last = first", "return second(first(x))"),
    "alone in its block": ("if self.training:", "    relu = F.relu", "else:", "    relu = F.relu", "return relu(x)"),
    "a function named by a parameter": ("def run(y, G=F):", "    act = G.relu", "    return act(y)", "return run(x)"),
}


def _source(lines: tuple[str, ...]) -> str:
    return HEAD + "".join(f"        {line}\n" if line else "\n" for line in lines)


@pytest.mark.parametrize("name", GOES)
def test_what_is_read_no_more_goes(name: str, tmp_path: Path) -> None:
    source = _source(GOES[name])
    result = rewritten(source)
    after = result.after.decode()
    assert (
        "torch.nn.functional" not in after.partition("class")[2] and " = F." not in after and " = torch." not in after
    )
    assert rewritten(after).after == result.after
    assert_equal_models(load(source.encode())["Net"](), load(result.after)["Net"](), torch.randn(2, 3))
    path = tmp_path / "model.py"
    for text in (source, after):
        path.write_text(text)
        assert _ruff("format", "--diff", path) == "" and "F841" not in _ruff("check", "--select=F841", path)


@pytest.mark.parametrize("name", STAYS)
def test_what_may_be_read_stays(name: str) -> None:
    source = _source(STAYS[name])
    result = rewritten(source)
    assert set(_bindings(source)) <= set(_bindings(result.after.decode()))
    assert_equal_models(load(source.encode())["Net"](), load(result.after)["Net"](), torch.randn(2, 3))


def test_the_file_loses_what_only_such_a_name_read() -> None:
    after = rewritten(_source(("relu = F.relu", "return relu(x)"))).after.decode()
    assert "functional" not in after


def test_a_name_of_the_file_is_for_others() -> None:
    source = HEAD.replace("\n\nclass", "\nrelu = F.relu\n\n\nclass", 1) + "        return relu(x)\n"
    assert "relu = F.relu\n" in rewritten(source).after.decode()


def _bindings(source: str) -> list[str]:
    return [line.strip() for line in source.splitlines() if "= F." in line or "= G." in line or "F.relu)[1]" in line]


def _ruff(command: str, *arguments: object) -> str:
    run = [sys.executable, "-m", "ruff", command, "--isolated", "--no-cache", *map(str, arguments)]
    return subprocess.run(run, capture_output=True, text=True).stdout
