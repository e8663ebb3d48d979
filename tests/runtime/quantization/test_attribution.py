"""The noise that each layer brings to the results, predicted from one run, and what it is measured to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.modules as wrappers
from runtime.quantization.attribution import compared_with, noise_shares


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.relu = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.beside, self.add = nn.Conv2d(8, 8, 1), wrappers.EltWiseAdd(inplace=True)
        self.pool, self.flat, self.head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.first(x)))
        x = self.add(self.beside(x), x)
        result: Tensor = self.head(self.flat(self.pool(x)))
        return result


@pytest.mark.parametrize("frozen", [False, True])
def test_shares_are_what_each_layer_alone_does_to_the_results(frozen: bool) -> None:
    torch.manual_seed(0)
    model, x = Net().eval().requires_grad_(not frozen), torch.randn(16, 3, 8, 8)
    quantized = runtime.quantize(model, [x], bits_weights=4, goal=0, verbose=False)
    shares = noise_shares(model, quantized, (x,), {})
    assert list(shares) == ["first", "beside", "add", "pool", "head"]
    exact = model(x).detach()
    for name, share in shares.items():
        with torch.no_grad(), _quantized_alone(model, quantized, name):
            measured = float((model(x) - exact).square().sum() / exact.square().sum())
        assert share.now == pytest.approx(measured, rel=0.8), name
    assert all(0 < shares[name].of_weights < 2 * shares[name].now for name in ("first", "beside", "head"))


@contextmanager
def _quantized_alone(model: nn.Module, quantized: nn.Module, name: str) -> Iterator[None]:
    """The result of this layer, and what it has absorbed, is that of the quantized one."""
    last, kept = compared_with(quantized)[name], {}
    first = model.get_submodule(name).register_forward_pre_hook(
        lambda module, args: kept.update(given=[x.clone() for x in args])
    )
    second = model.get_submodule(last).register_forward_hook(
        lambda module, args, output: quantized.get_submodule(name)(*kept["given"])
    )
    try:
        yield
    finally:
        first.remove()
        second.remove()


def test_a_model_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    model, x = Net().train(), torch.randn(4, 3, 8, 8)
    quantized = runtime.quantize(model, [x], goal=0, verbose=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    noise_shares(model, quantized, (x,), {})
    assert model.training and all(not module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
