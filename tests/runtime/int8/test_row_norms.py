"""Normalizations of rows on integers, within one code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.modules as wrappers
from runtime import int8
from tests.bench.shares import decibels
from tests.runtime.int8.small import differences, quantized

KINDS: dict[str, Any] = {
    "RMSNorm": lambda: nn.RMSNorm(8),
    "RMSNorm, eps": lambda: nn.RMSNorm(8, eps=0.1, elementwise_affine=False),
    "F.rms_norm": lambda: wrappers.FunctionalRMSNorm(normalized_shape=[8]),
    "F.normalize": lambda: wrappers.Normalize(dim=-1),
    "F.normalize, channels": lambda: wrappers.Normalize(),
}


class Net(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(6, 8), norm, nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.norm(self.first(x)))
        return out


@pytest.mark.parametrize("name", KINDS)
def test_rows_are_normalized_on_integers(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6)
    norm = KINDS[name]()
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    model = quantized(Net(norm), x)
    converted = int8.convert(model)
    assert not int8.report(converted).in_float
    assert differences(model, converted, x).get("norm", 0) <= 1
    compiled = int8.compile(converted, x)
    assert compiled.program is not None and not compiled.fixed
    with torch.no_grad():
        assert torch.equal(compiled(x), converted(x))


OF_CHANNELS: dict[str, Any] = {
    "GroupNorm": lambda: nn.GroupNorm(4, 8),
    "GroupNorm, eps": lambda: nn.GroupNorm(1, 8, eps=0.1, affine=False),
    "F.group_norm": lambda: wrappers.FunctionalGroupNorm(num_groups=2),
    "InstanceNorm": lambda: nn.InstanceNorm2d(8, affine=True),
    "F.instance_norm": lambda: wrappers.FunctionalInstanceNorm(),
}


class Images(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.first, self.norm, self.relu = nn.Conv2d(3, 8, 3), norm, nn.ReLU()
        self.second = nn.Conv2d(8, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.relu(self.norm(self.first(x))))
        return out


@pytest.mark.parametrize("name", OF_CHANNELS)
def test_channels_are_normalized_on_integers(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 3, 9, 8)
    norm = OF_CHANNELS[name]()
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    reference = Images(norm).eval()
    model = quantized(reference, x)
    converted = int8.convert(model)
    assert not int8.report(converted).in_float
    assert differences(model, converted, x).get("norm", 0) <= 1
    compiled = int8.compile(converted, x)
    assert compiled.program is not None and not compiled.fixed
    with torch.no_grad():
        assert torch.equal(compiled(x), converted(x))
        assert decibels(reference(x), compiled(x)) > 30
        assert torch.equal(compiled(torch.cat([x, x])), compiled(x).repeat(2, 1, 1, 1))


@pytest.mark.parametrize("norm", [nn.InstanceNorm2d(8, track_running_stats=True), nn.InstanceNorm2d(8)])
def test_what_no_kernel_normalizes_stays_in_floating_point(norm: nn.Module) -> None:
    """Statistics of training, and an image without a batch, whose channels stand where others have theirs behind it."""
    torch.manual_seed(0)
    x = torch.randn(3, 3, 9, 8) if norm._buffers.get("running_mean") is not None else torch.randn(3, 9, 8)
    reference = Images(norm).eval()
    model = quantized(reference, x)
    converted = int8.convert(model)
    assert "norm" in [line.name for line in int8.report(converted).in_float]
    assert differences(model, converted, x) == {}
    with torch.no_grad():
        assert decibels(reference(x), model(x)) > 30
    compiled = int8.compile(converted, x)
    with torch.no_grad():
        assert torch.equal(compiled(x), converted(x))


class Again(nn.Module):
    """One normalization behind two layers whose results are of other magnitudes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 8, 3)
        self.last = nn.Conv2d(8, 4, 3)
        with torch.no_grad():
            self.first.weight.mul_(1000)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.norm(self.second(self.norm(self.first(x)))))
        return out


def test_a_normalization_of_several_modules_results_gives_none_the_grid_of_another() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 3, 9, 8)
    reference = Again().eval()
    with torch.no_grad():
        expected = reference(x)
    model = runtime.quantize(reference, [x], allow_unprepared=True, verbose=False)
    with torch.no_grad():
        assert decibels(expected, model(x)) > 30
        assert torch.equal(int8.convert(model)(x), model(x))
