"""Subclasses that compute in their own way are not taken for what their class says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.modules as wrappers
from runtime.int8 import convert
from runtime.quantization.equalization import equalize
from runtime.quantization.fusion import fold_batch_norms
from runtime.quantization.known import is_a

CHANNELS = 8


def doubled(kind: type[nn.Module]) -> type[nn.Module]:
    """A subclass that gives twice as much."""

    class Doubled(kind):  # type: ignore[valid-type, misc]
        def forward(self, *args: Any) -> Any:
            return super().forward(*args) * 2

    return Doubled


class ChannelsFirst(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Standardized(nn.Conv2d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight - weight.mean((1, 2, 3), keepdim=True), bias)


def patched() -> nn.Module:
    relu = nn.ReLU()
    relu.forward = lambda x: x.abs()  # type: ignore[method-assign, assignment]
    return relu


BETWEEN: dict[str, nn.Module] = {
    "channels first": ChannelsFirst(CHANNELS),
    "standardized": Standardized(CHANNELS, CHANNELS, 3),
    "patched object": patched(),
    "convolution": doubled(nn.Conv2d)(CHANNELS, CHANNELS, 3),
    "transposed": doubled(nn.ConvTranspose2d)(CHANNELS, CHANNELS, 3),
    "normalization": doubled(nn.BatchNorm2d)(CHANNELS),
    "maximum": doubled(nn.MaxPool2d)(2),
    "average": doubled(nn.AvgPool2d)(2),
    "adaptive average": doubled(nn.AdaptiveAvgPool2d)(4),
    "table": doubled(nn.Tanh)(),
    "rectifier": doubled(nn.ReLU)(),
    "softmax": doubled(nn.Softmax)(1),
    "slope": doubled(nn.PReLU)(),
    "dropout": doubled(nn.Dropout)(),
    "identity": doubled(nn.Identity)(),
    "nearest": doubled(nn.Upsample)(scale_factor=2),
    "reflection": doubled(nn.ReflectionPad2d)(1),
    "mean": doubled(wrappers.Mean)(dim=2, keepdim=True),
}


def decibels(wanted: Tensor, given: Tensor) -> float:
    return float(10 * torch.log10(wanted.square().sum() / (wanted - given).square().sum()))


@pytest.mark.parametrize("method", ["ptq", "qat"])
@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.filterwarnings("ignore:prepare_model was given no dummy_input")
def test_what_they_give_is_theirs(name: str, method: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, CHANNELS, 3), copy.deepcopy(BETWEEN[name]), nn.Conv2d(CHANNELS, 4, 1)).eval()
    x = torch.randn(4, 3, 11, 11)
    with torch.no_grad():
        expected = model(x)
        q = runtime.quantize(copy.deepcopy(model), [x], method=method, allow_unprepared=True, verbose=False)
        if method == "qat":
            q.train()(x)  # ranges are learnt
            q.eval()
        assert decibels(expected, q(x)) > 25
        assert torch.equal(convert(q)(x), q(x)) if method == "ptq" else decibels(expected, convert(q)(x)) > 20


def test_operations_with_a_forward_of_their_own() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(8, 8), nn.Linear(16, 4)
            self.add, self.concat = doubled(wrappers.EltWiseAdd)(), doubled(wrappers.Concat)(dim=-1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.last(self.concat(self.add(self.first(x), x), x))
            return out

    torch.manual_seed(0)
    model, x = Joined().eval(), torch.randn(16, 8)
    q = runtime.quantize(copy.deepcopy(model), [x], allow_unprepared=True, verbose=False)
    with torch.no_grad():
        assert decibels(model(x), q(x)) > 25 and torch.equal(convert(q)(x), q(x))


def test_nothing_is_folded_into_them_or_moved_through_them() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 9, 9)
    for kinds in ((doubled(nn.Conv2d), nn.BatchNorm2d), (nn.Conv2d, doubled(nn.BatchNorm2d))):
        model = nn.Sequential(kinds[0](3, 8, 3), kinds[1](8), nn.ReLU()).eval()
        assert fold_batch_norms(model, x) == {}
    shifted = patched()
    shifted.forward = lambda x: x + 1  # type: ignore[method-assign, assignment]
    model = nn.Sequential(nn.Conv2d(3, 8, 3), shifted, nn.Conv2d(8, 4, 3)).eval()
    model[0].weight.data[0] *= 64
    before = model(x)
    assert equalize(model, x) == [] and torch.equal(model(x), before)


def test_subclasses_that_change_nothing_are_known() -> None:
    class Named(nn.Conv2d):
        """A subclass for its name."""

    assert is_a(Named(1, 1, 1), nn.Conv2d) and not is_a(Standardized(1, 1, 1), nn.Conv2d)
    assert is_a(nn.ReLU(), (nn.ReLU, nn.Tanh)) and not is_a(patched(), nn.ReLU) and not is_a(None, nn.ReLU)
