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


class Again(nn.Module):
    """One normalization behind two layers whose results are of other magnitudes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 8)
        self.last = nn.Linear(8, 4)
        with torch.no_grad():
            self.first.weight.mul_(1000)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.norm(self.second(self.norm(self.first(x)))))
        return out


def test_a_normalization_of_several_modules_results_gives_none_the_grid_of_another() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6)
    reference = Again().eval()
    with torch.no_grad():
        expected = reference(x)
    model = runtime.quantize(reference, [x], allow_unprepared=True, verbose=False)
    with torch.no_grad():
        assert decibels(expected, model(x)) > 30
        assert torch.equal(int8.convert(model)(x), model(x))
