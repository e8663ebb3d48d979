"""Modules that a forward makes at each call are made in `__init__`, where that changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rewriter.torch_api import catalogue
from rewriter.torch_api.row import parse_signature
from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 3, 8, 8)
FORWARD = "class Net(nn.Module):\n    def forward(self, x):\n        {}\n        return x\n"
MADE = {
    "x = nn.ReLU()(x)": "self.relu = nn.ReLU()",
    "x = nn.Softmax(dim=1)(x)": "self.softmax = nn.Softmax(dim=1)",
    "x = nn.ReflectionPad2d((1, 2, 0, 1))(x)": "self.pad = nn.ReflectionPad2d((1, 2, 0, 1))",
    "x = nn.Upsample(scale_factor=2)(x)": "self.interpolate = nn.Upsample(scale_factor=2)",
    "x = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))(x)": "self.sequential = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))",
    "x = nn.Upsample(size=(x.shape[2] * 2, 5))(x)": "self.interpolate = runtime.modules.Interpolate()",
    "x = nn.Upsample(None, x.dim(), 'bilinear')(x)": "self.interpolate = runtime.modules.Interpolate(",
    "x = nn.AvgPool2d(x.size(2), stride=1)(x)": "self.avg_pool = runtime.modules.FunctionalAvgPool2d(stride=1)",
    "x = nn.AdaptiveAvgPool2d((x.size(2) // 2, 3))(nn.Tanh()(x))": "self.avg_pool = runtime.modules.Functional",
    "for _ in range(2): x = nn.Tanh()(x)": "self.tanh = nn.ModuleList(nn.Tanh() for _ in range(2))",
}
LEFT = {
    "x = nn.Conv2d(3, 3, 1)(x)": "weights",
    "x = nn.PReLU()(x)": "weights",
    "x = nn.Dropout(0.5)(x)": "always in training",
    "x = nn.Sequential(nn.ReLU(), nn.Dropout())(x)": "parts",
    "act = nn.ReLU(); x = act(x)": "variable",
    "x = nn.Upsample(size=self.size)(self.grown(x))": "known only when it runs",
    "x = nn.AvgPool2d(x.dim())(x.squeeze_())": "known only when it runs",
    "x = nn.ReLU(*self.options)(x)": "known only when it runs",
}


@pytest.mark.parametrize("statement", MADE)
def test_it_is_made_beforehand(statement: str) -> None:
    after = check(FORWARD.format(statement), X)
    assert MADE[statement] in after
    assert not check_prepared(load((HEADER + after).encode())["Net"](), X).raw
    assert not rewritten(HEADER + after).changed


@pytest.mark.parametrize("statement", LEFT)
def test_what_would_not_be_the_same_stays_and_is_said(statement: str) -> None:
    result = rewritten(HEADER + FORWARD.format(statement))
    refusal = next(r for r in result.refusals if r.code == "RW914")
    assert LEFT[statement] in refusal.message
    assert f"{statement}\n" in result.after.decode() or "grown" in statement


@pytest.mark.parametrize("statement", ["x = nn.Flatten()(x)", "x = nn.Identity()(x)", "y = nn.MSELoss()(x, x)"])
def test_what_only_moves_and_losses_stay_without_a_word(statement: str) -> None:
    result = rewritten(HEADER + FORWARD.format(statement))
    assert not result.changed and not result.refusals


def test_a_class_of_the_project_that_keeps_nothing_and_one_that_does() -> None:
    source = """
class Swish(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(x)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.factor * x


def act(x, size):
    return nn.Upsample(size=size)(nn.LeakyReLU(0.2)(x))


class Net(nn.Module):
    def forward(self, x):
        return Swish()(Scale()(act(x, (4, 4)) + act(x, 4)))
"""
    after = check(source, X)
    assert "self.swish = Swish()" in after and "Scale()(" in after
    assert "ops.interpolate(ops.leaky_relu(x), size=size)" in after
    assert [r.code for r in rewritten(HEADER + source).refusals] == ["RW914"]


def test_a_child_that_code_would_take_for_another_is_not_made() -> None:
    source = FORWARD.format("x = nn.ReLU()(x)") + (
        "\n\ndef count(model):\n    return sum(isinstance(m, nn.ReLU) for m in model.modules())\n"
    )
    before, result = load((HEADER + source).encode()), rewritten(HEADER + source)
    after = load(result.after)
    assert after["count"](after["Net"]()) == before["count"](before["Net"]()) == 0


@pytest.mark.parametrize("row", [r for r in catalogue.ROWS if r.target.startswith("torch.nn.")], ids=lambda r: r.op)
def test_constructors_are_what_the_catalogue_says(row: catalogue.Row) -> None:
    """Arguments by position go to the parameters that torch's class has at these places."""
    code = getattr(nn, row.target.removeprefix("torch.nn.")).__init__.__code__
    real = code.co_varnames[1 : code.co_argcount]
    assert real[: len(names := [p.name for p in parse_signature(row.constructor)])] == tuple(names) or not names
