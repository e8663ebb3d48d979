"""Equalization: the same results bit for bit, and less lost where a tensor has one scale."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import EltWiseAdd
from runtime.quantization.arithmetic import PER_TENSOR, Grid, fake_quantize, qparams_of
from runtime.quantization.equalization import Pair, equalize
from runtime.quantization.fusion import fold_batch_norms

X = torch.randn(4, 3, 9, 9)


def chain(**settings: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=settings.get("bias", True)),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=settings.get("groups", 1)),
        nn.MaxPool2d(2),
        nn.PReLU(8),
        nn.Conv2d(8, 4, 1),
    ).eval()


def uneven(model: nn.Sequential) -> nn.Sequential:
    """Channels of very different magnitude, which the next layer undoes."""
    with torch.no_grad():
        model[1].weight.copy_(torch.logspace(-2, 2, 8))
        model[1].bias.normal_()
    return model


def error_per_tensor(model: nn.Module, x: Tensor) -> float:
    """Of the results, with each weight on one 8-bit grid."""
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for module in rounded.modules():
            if isinstance(module, nn.Conv2d):
                params = qparams_of(module.weight, Grid(8, True, True), True, PER_TENSOR)
                module.weight.copy_(fake_quantize(module.weight, params))
        return (rounded(x) - model(x)).square().mean().item()


@pytest.mark.parametrize("settings", [{}, {"groups": 8}, {"groups": 2}, {"bias": False}])
def test_results_stay_the_same_bit_for_bit(settings: Any) -> None:
    model = uneven(chain(**settings))
    folded = copy.deepcopy(model)
    fold_batch_norms(folded, X)
    assert equalize(model, X) == [Pair("0", "3"), Pair("3", "6")]
    assert torch.equal(model(X), folded(X))
    assert not torch.equal(model[0].weight, folded[0].weight)


def test_channels_are_even_afterwards_and_rounding_costs_less() -> None:
    model = uneven(chain(groups=8))
    folded = copy.deepcopy(model)
    fold_batch_norms(folded, X)
    equalize(model, X)
    ratio = model[0].weight.flatten(1).abs().amax(1) / model[3].weight.flatten(1).abs().amax(1)
    assert ratio.max() < 4 and ratio.min() > 1 / 4
    assert error_per_tensor(model, X) < 0.5 * error_per_tensor(folded, X)


class Branching(nn.Module):
    """One layer goes to two others, one through an activation that knows a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(3, 3, 1) for _ in range(3))
        self.sigmoid = nn.Sigmoid()
        self.add = EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        return self.c(self.sigmoid(self.add(self.b(y), y)))


def test_what_others_see_is_left_alone() -> None:
    model = Branching()
    before = copy.deepcopy(model.state_dict())
    assert equalize(model, X) == []
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_weight_that_is_used_elsewhere_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4))
    model[4].weight = model[0].weight
    assert equalize(model, torch.randn(2, 4)) == []


def test_channels_that_are_switched_off_stay_off() -> None:
    model = chain()
    with torch.no_grad():
        model[3].weight[:, 2] = 0
        model[0].weight[1] = 0
    before = model(X)
    equalize(model, X)
    torch.testing.assert_close(model(X), before)
    assert torch.isfinite(model[0].weight).all()
