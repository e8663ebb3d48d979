"""Modules that an object gives to others, which may call them: each gets a handle."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)

PARTS = """
class Bias(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 4)

    def forward(self, n):
        return self.linear(torch.arange(n).float()[:, None]) * 0.5


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, bias=None, scale=1.0):
        return self.linear(x if bias is None else x + bias(x.shape[0])) * scale


class Net(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.depth = depth
        self.bias = Bias()
        self.layer = Layer()
        self.layers = nn.ModuleList([Layer() for _ in range(depth)])

    def forward(self, x):
"""

LOOP = "for layer in self.layers:\n    x = layer(x, bias=self.bias)\nreturn x"
GIVEN = {
    "in a loop": (LOOP, "layer(x, bias=runtime.modules.handed(self.bias, self.bias2[i]))"),
    "by position": (LOOP.replace("bias=", ""), "layer(x, runtime.modules.handed(self.bias, self.bias2[i]))"),
    "again": (
        "x = self.layers[0](x, self.bias)\nreturn self.layers[1](x, (self.bias))",
        "self.layers[0](x, self.bias)\n        return self.layers[1](x, (runtime.modules.handed(self.bias, self.bias2)))",
    ),
    "by index": (
        "for i in range(self.depth):\n    x = self.layers[i](x, self.bias)\nreturn x",
        "self.layers[i](x, runtime.modules.handed(self.bias, self.bias2[i]))",
    ),
}


def source(forward: str) -> str:
    return PARTS + "".join(f"        {line}\n" for line in forward.split("\n"))


@pytest.mark.parametrize("name", GIVEN)
def test_each_gets_a_handle(name: str) -> None:
    forward, expected = GIVEN[name]
    assert expected in check(source(forward), X)
    assert not check_prepared(load(rewritten(HEADER + source(forward)).after)["Net"](), X).repeated


STAYS = {
    "given once": "return self.layers[0](x, self.bias)",
    "in another branch": "if x.sum() > 0:\n    return self.layers[0](x, self.bias)\nreturn self.layers[1](x, self.bias)",
    "what is no module": "for layer in self.layers:\n    x = layer(x, scale=self.depth)\nreturn x",
    "asked for its class": "for layer in self.layers:\n    x = layer(x) if isinstance(self.bias, Bias) else x\nreturn x",
}


@pytest.mark.parametrize("name", STAYS)
def test_what_stays(name: str) -> None:
    assert "handed" not in check(source(STAYS[name]), X)


def test_an_activation_that_is_given_away_counts_as_called() -> None:
    act = source("x = self.layers[0](x, self.act)\nreturn self.act(x) + 1").replace(
        "depth\n", "depth\n        self.act = nn.ReLU()\n", 1
    )
    after = check(act.replace("x + bias(x.shape[0])", "bias(x)"), X)
    assert "self.layers[0](x, self.act)" in after and "self.act2(x)" in after, after


def test_what_is_given_to_a_function_of_a_module_is_what_it_was_before_the_rewriting() -> None:
    """The function itself says that it calls one module more than once, in a second run as in the first."""
    run = "def run(layer, x):\n    return layer(x) + x\n\n\n"
    after = check(
        run
        + source("for _ in range(3):\n    x = run(self.linear, x)\nreturn x").replace(
            "depth\n", "depth\n        self.linear = nn.Linear(4, 4)\n"
        ),
        X,
    )
    assert "x = self.run[i](self.linear, x)" in after, after


def test_a_part_that_stores_something_stores_it_on_what_the_object_has() -> None:
    keeps = source(LOOP).replace(
        "        return self.linear(torch.arange", "        self.kept = [n]\n        return self.linear(torch.arange"
    )
    assert "again(self.bias, parts=True)" in check(keeps, X)
    assert not rewritten(HEADER + keeps).refusals


def test_an_operation_calls_nothing_that_it_is_given() -> None:
    """A second run meets the module of the product, and a parameter that it takes for what a class of torch.nn makes."""
    made = "nn.Parameter(torch.eye(4)) if ready else nn.parameter.UninitializedParameter()"
    init = f"        self.weight = {made}\n"
    loop = "class Net(nn.Module):\n    def __init__(self, ready=True):\n        super().__init__()\n" + init
    check(
        loop
        + "\n    def forward(self, x):\n        for _ in range(2):\n            x = x @ self.weight\n        return x\n",
        X,
    )
