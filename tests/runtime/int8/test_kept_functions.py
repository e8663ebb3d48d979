"""Activations that are functions, kept in a module by `as_module`: they are tables as torch's own modules are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import runtime
import runtime.int8
from runtime.modules import as_module


class Net(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.conv1, self.act, self.conv2 = nn.Conv1d(8, 16, 5), as_module(function), nn.Conv1d(16, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.act(self.conv1(x)))  # type: ignore[no-any-return]


def doubled(x: Tensor) -> Tensor:
    return x * 2


INTEGER = {
    "relu": (F.relu, "Absorbed"),
    "torch.relu": (torch.relu, "Absorbed"),
    "leaky_relu": (partial(F.leaky_relu, negative_slope=0.1), "Absorbed"),
    "silu": (F.silu, "Table"),
    "gelu": (F.gelu, "Table"),
    "gelu by tanh": (partial(F.gelu, approximate="tanh"), "Table"),
    "tanh": (torch.tanh, "Table"),
    "clamp": (partial(torch.clamp, min=-1), "Table"),
}
FLOAT = {
    "of the project": doubled,
    "in place": partial(F.relu, inplace=True),
    "with an argument in front": partial(torch.pow, 2),
    "by its method": Tensor.relu_,
}


def converted(function: Callable[..., Any], batch: Tensor) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    quantized = runtime.quantize(Net(function).eval(), [batch, batch.flip(0)], verbose=False)
    return quantized, runtime.int8.convert(quantized)


@pytest.mark.parametrize("name", INTEGER)
def test_it_runs_on_integers(name: str, tmp_path: Path) -> None:
    function, kind = INTEGER[name]
    batch = torch.randn(4, 8, 20)
    quantized, integers = converted(function, batch)
    assert type(integers.act).__name__ == kind
    runtime.int8.save(runtime.int8.compile(integers, batch), tmp_path / "net.int8")
    with torch.no_grad():
        assert torch.equal(integers(batch), quantized(batch))
        assert torch.equal(runtime.int8.load(tmp_path / "net.int8")(batch), quantized(batch))


@pytest.mark.parametrize("name", FLOAT)
def test_others_stay(name: str) -> None:
    batch = torch.randn(4, 8, 20)
    quantized, integers = converted(FLOAT[name], batch)
    assert type(integers.act).__name__ == "Function"
    with torch.no_grad():
        assert torch.equal(integers(batch), quantized(batch))
