"""Modules of other libraries that compute out of sight are called as one operation."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Iterator

import pytest
import torch
from torch import nn

import runtime
from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 3, 4, 4)
NET = """
from einops.layers.torch import Reduce


def head(channels):
    return nn.Sequential(Reduce("b c h w -> b c", "mean"), nn.Linear(channels, 2))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = head(3)
        self.pool = Reduce("b c h w -> b c", reduction="max")

    def forward(self, x):
        return self.head(x) + self.pool(x)[:, :2]
"""


class Reduce(nn.Module):
    """Means or maxima over the last two dimensions."""

    def __init__(self, pattern: str, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) if self.reduction == "mean" else x.amax((2, 3))


@pytest.fixture(autouse=True)
def einops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("einops", "einops.layers", "einops.layers.torch"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["einops.layers.torch"].Reduce = Reduce  # type: ignore[attr-defined]
    yield


def test_it_is_called_as_a_whole_wherever_it_is_made() -> None:
    after = check(NET, X)
    assert 'nn.Sequential(runtime.modules.Whole(Reduce("b c h w -> b c", "mean")), nn.Linear(channels, 2))' in after
    assert 'self.pool = runtime.modules.Whole(Reduce("b c h w -> b c", reduction="max"))' in after
    model = load(rewritten(HEADER + NET).after)["Net"]()
    assert not check_prepared(model, X).raw and not any(isinstance(m, Reduce) for m in model.modules())
    assert not rewritten(rewritten(HEADER + NET).after.decode()).changed


def test_it_is_copied_quantized_and_scripted() -> None:
    model = load(rewritten(HEADER + NET).after)["Net"]().eval()
    assert torch.equal(copy.deepcopy(model)(X), model(X))
    quantized = runtime.quantize(model, [X])
    assert (quantized(X) - model(X)).abs().max() < 0.2
    assert torch.equal(torch.jit.script(model.head)(X), model.head(X))


def test_a_class_that_somebody_looks_for_stays() -> None:
    source = f"{NET}\n\ndef pools(model):\n    return [m for m in model.modules() if isinstance(m, Reduce)]\n"
    assert "Whole" not in check(source, X)
