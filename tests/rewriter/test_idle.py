"""Sizes, indices, masks and constants are no business of a quantizer: what is computed from them alone stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.settings import Settings
from tests.rewriter.executed import HEADER, check, rewritten

X = torch.randn(2, 4, 6, 6)

IDLE = {
    "a table of positions": ["t = torch.arange(x.shape[-1], device=x.device) * 0.5", "y = torch.sin(t + 1)"],
    "a grid": ["a, b = torch.meshgrid(torch.arange(6), torch.arange(6), indexing='ij')", "y = torch.stack((a, b)) / 2"],
    "integers": ["y = x.argmax(-1) + 1"],
    "a mask": ["y = (x > 0).long() - 1"],
    "limits of a type": ["y = -torch.finfo(x.dtype).max / 2"],
    "sizes": ["y = (x.shape[0] // 2) * x.ndim - len(x)"],
    "a setting": ["y = x.shape[-1] // self.window - self.pads[0]"],
    "what a helper makes": ["y = grid(x.shape[-1])"],
}

FLOWS = {
    "written into": (["t = torch.zeros(6)", "t[0] = x.sum()", "y = t * 2"], "self.mul(t, 2)"),
    "written into in part": (["t = torch.zeros(2, 6)", "t[0].copy_(x[0, 0, 0])", "y = t * 2"], "self.mul(t, 2)"),
    "written into through a list": (["t = [torch.zeros(6)]", "t[0].add_(x[0, 0, 0])", "y = t[0] * 2"], "self.mul(t[0], 2)"),
    "added to": (["t = torch.zeros(6)", "u = t", "u += x[0, 0, 0]", "y = t * 2"], "self.mul(t, 2)"),
    "an output": (["t = torch.zeros(6)", "torch.sqrt(x[0, 0, 0].abs(), out=t)", "y = t * 2"], "self.mul(t, 2)"),
    "looked up": (["t = torch.arange(6.0)", "y = t[x.argmax(-1)] * 2"], "self.mul(t[x.argmax(-1)], 2)"),
    "drawn": (["y = torch.rand(6) * 2"], "self.mul(torch.rand(6), 2)"),
    "filled by chance": (["t = torch.zeros(6).uniform_()", "y = t * 2"], "self.mul(t, 2)"),
    "of the size of what was given": (["y = torch.ones_like(x) * 2"], "self.mul(torch.ones_like(x), 2)"),
    "integers made floats": (["y = x.argmax(-1).float() * 2"], "self.mul(x.argmax(-1).float(), 2)"),
    "integers times a fraction": (["y = x.argmax(-1) * 0.5"], "self.mul(x.argmax(-1), 0.5)"),
    "kept on the object": (["self.t = torch.zeros(6)", "self.t[0] = x.sum()", "y = self.t * 2"], "self.mul(self.t, 2)"),
    "on one path": (["t = torch.zeros(6)", "if x.sum() > 99:", "    t = x", "y = t * 2"], "self.mul(t, 2)"),
    "learnt": (["y = self.linear.weight * 2"], "self.mul(self.linear.weight, 2)"),
}  # fmt: skip

HELPER = "def grid(size):\n    return torch.linspace(0, 1, size) * 2 - 1\n\n\n"


def model(body: list[str]) -> str:
    lines = "".join(f"        {line}\n" for line in body)
    return f"""
class Net(nn.Module):
    def __init__(self, window=2, pads=(1, 1)):
        super().__init__()
        self.window, self.pads = window, pads
        self.linear = nn.Linear(6, 6)

    def forward(self, x):
{lines}        return x, y
"""


@pytest.mark.parametrize("name", IDLE)
def test_what_nothing_given_flows_into_stays(name: str) -> None:
    result = rewritten(HEADER + HELPER + model(IDLE[name]))
    assert not result.changed and not result.refusals and not result.failure


@pytest.mark.parametrize("name", FLOWS)
def test_what_something_given_may_flow_into_is_rewritten(name: str) -> None:
    body, expected = FLOWS[name]
    assert expected in check(model(body), X)


@pytest.mark.parametrize("name", ["a table of positions", "integers", "a mask", "a grid"])
def test_a_setting_restores_all_operations(name: str) -> None:
    source = HEADER + model(IDLE[name])
    result = rewrite(source.encode(), Path("model.py"), Settings(all_operations=True))
    assert "runtime.modules" in result.after.decode() and not result.failure


SIZES = {
    "a list of them": "t = torch.ones([2 * n + 3]) * 0.5",
    "a bound": "t = torch.clip(x, min=0, max=2 * n)",
    "a list and a bound": "t = torch.ones([2 * n, 6]).sum() + torch.clip(x, min=0, max=2 * n)",
}


@pytest.mark.parametrize("name", SIZES)
def test_what_torch_takes_for_a_number_is_one_in_a_second_run_as_well(name: str) -> None:
    source = f"""
class Net(nn.Module):
    def forward(self, x, lengths=(1, 2)):
        n = max(lengths)
        {SIZES[name]}
        return (x * n).sum() + t.sum()
"""
    assert "2 * n" in check(source, X)


def test_what_forward_does_with_a_grid_and_another_method_with_what_it_is_given() -> None:
    source = """
class Code(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("matrix", torch.randn(2, 3))

    def _code(self, at):
        at = 2 * at - 1
        return at @ self.matrix

    def forward(self, size: int):
        return self._code(torch.ones((size, 2)))

    def at(self, x):
        return self._code(x.clone())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.code = Code()

    def forward(self, x):
        return self.code.at(x), self.code(3)
"""
    after = check(source, torch.randn(4, 2))
    assert "self.sub(self.mul(2, at), 1)" in after
