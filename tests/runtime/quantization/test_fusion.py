"""Folding keeps what the model computes; what must not be folded or fused is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import runtime.modules
from runtime.quantization.adjacency import find_adjacency
from runtime.quantization.fusion import (
    Absorbed,
    find_fused_activations,
    fold_batch_norms,
    saturation,
    upper_clamp,
)


def trained(model: nn.Module) -> nn.Module:
    """Normalizations with statistics, weights and biases that all matter."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                if tensor is not None:
                    tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return model.eval()


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)], (2, 3, 6, 6)),
        (lambda: [nn.Conv2d(4, 8, 3, groups=2, bias=False), nn.BatchNorm2d(8, affine=False)], (2, 4, 6, 6)),
        (lambda: [nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8)], (2, 3, 9)),
        (lambda: [nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), nn.BatchNorm2d(6)], (2, 4, 5, 5)),
        (lambda: [nn.Linear(5, 7), nn.BatchNorm1d(7)], (4, 5)),
    ],
)
def test_folding_keeps_the_outputs(make: Callable[[], list[nn.Module]], shape: tuple[int, ...]) -> None:
    model = trained(nn.Sequential(*make(), nn.ReLU()))
    x = images(*shape)
    before = model(x)
    assert fold_batch_norms(model, x) == {"1": "0"}
    assert isinstance(model[1], Absorbed)  # type: ignore[index]
    assert torch.allclose(model(x), before, atol=1e-5)
    assert set(model.state_dict()) == {"0.weight", "0.bias"}


def test_a_mode_is_kept_and_training_is_no_obstacle() -> None:
    model = trained(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))).train()
    x = images(2, 3, 6, 6)
    model.eval()
    before = model(x)
    fold_batch_norms(model.train(), x)
    assert all(module.training for module in model if not isinstance(module, Absorbed))  # type: ignore[attr-defined]
    assert torch.allclose(model.eval()(x), before, atol=1e-5)


class Left(nn.Module):
    """A convolution and a normalization that must not be folded, each for another reason."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3, track_running_stats=why != "no statistics")
        if why == "parametrized":
            parametrizations.weight_norm(self.conv)
        if why == "tied":
            self.again = runtime.modules.again(self.conv)
        self.add = runtime.modules.EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        out: Tensor = self.norm(y)
        if self.why == "used elsewhere":
            out = self.add(out, y)
        if self.why == "raw operation":
            out = out + y * 2
        if self.why == "called twice":
            out = self.norm(self.conv(out))
        if self.why == "tied":
            out = self.again(out)
        return out


@pytest.mark.parametrize(
    "why", ["used elsewhere", "raw operation", "called twice", "tied", "no statistics", "parametrized"]
)
def test_what_is_left_alone(why: str) -> None:
    model, x = trained(Left(why)), images(2, 3, 4, 4)
    before = model(x)
    assert fold_batch_norms(model, x) == {}
    assert torch.equal(model(x), before)


def test_features_are_not_channels() -> None:
    model, x = trained(nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7))), images(2, 7, 5)
    before = model(x)
    assert fold_batch_norms(model, x) == {}
    assert torch.equal(model(x), before)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 1)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(3, 3, 1)
        self.norm2 = nn.BatchNorm2d(3)
        self.relu2 = nn.ReLU6()
        self.add = runtime.modules.EltWiseAdd(inplace=True)
        self.relu3 = runtime.modules.FunctionalReLU()
        self.conv3 = nn.Conv2d(3, 3, 1)
        self.relu4 = nn.ReLU()

    def forward(self, x: Tensor, deep: bool = True) -> Tensor:
        y = self.relu1(self.conv1(x))
        if deep:
            y = self.relu3(self.add(self.relu2(self.norm2(self.conv2(y))), y))
        z = self.conv3(y)
        out: Tensor = self.add(self.relu4(z), z) if not deep else self.relu4(z)
        return out


def test_activations_behind_their_only_source_are_fused() -> None:
    model, x = Residual().eval(), images(2, 3, 4, 4)
    folded = fold_batch_norms(model, x)
    assert folded == {"norm2": "conv2"}
    adjacency = find_adjacency(model, x)
    modules = dict(model.named_modules())

    def clamps(name: str, after: str) -> bool:
        return upper_clamp(modules[after]) is not None

    fused = find_fused_activations(model, adjacency, lambda n, after: n != "conv1" and clamps(n, after), folded)
    assert fused == {"relu2": "conv2", "relu3": "add", "relu4": "conv3"}
    shallow = find_adjacency(model, {"x": x, "deep": False})
    assert find_fused_activations(model, shallow, clamps, folded) == {"relu1": "conv1"}


@pytest.mark.parametrize(
    ("module", "bound"),
    [
        (nn.ReLU(), math.inf),
        (nn.ReLU6(), 6.0),
        (nn.Hardtanh(0, 4), 4.0),
        (nn.Hardtanh(), None),
        (runtime.modules.Clamp(min=0, max=2), 2.0),
        (runtime.modules.Clamp(min=0), math.inf),
        (runtime.modules.Clamp(max=2), None),
        (nn.LeakyReLU(), None),
    ],
)
def test_what_clamps_at_zero(module: nn.Module, bound: float | None) -> None:
    assert upper_clamp(module) == bound
    if bound is not None:
        x = torch.linspace(-9, 9, 50)
        assert torch.equal(module(x), x.clamp(0, bound))


@pytest.mark.parametrize("module", [nn.Sigmoid(), nn.Tanh(), nn.Hardsigmoid(), nn.Hardswish(), nn.ReLU6(), nn.GELU()])
def test_saturation_costs_half_a_step_at_most(module: nn.Module) -> None:
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64)
    y = module(x)
    low, high = saturation(module, 8)
    step = (y.max() - y.min()) / 255
    assert (module(x.clamp(low, high)) - y).abs().max() <= step / 2 * 1.001
    assert (low, high) == (-math.inf, math.inf) or low > -7
