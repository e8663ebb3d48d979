"""Activations with slopes for negative numbers, which become a part of the layers before them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from runtime.int8 import compile, convert, load, save
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.checkpoint import load_checkpoint, save_checkpoint
from runtime.quantization.finish import finish_training
from runtime.quantization.fusion import Absorbed
from runtime.quantization.summary import noise
from tests.runtime.int8.small import differences, quantized, random_state

SLOPES: dict[str, Callable[[int], nn.Module]] = {
    "by channel": nn.PReLU,
    "one": lambda channels: nn.PReLU(),
    "fixed": lambda channels: nn.LeakyReLU(0.15, inplace=True),
}


class Bent(nn.Module):
    """Every kind of layer whose sums can go through slopes."""

    def __init__(self, slopes: Callable[[int], nn.Module]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.first = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), slopes(16)
        self.grouped, self.second = nn.Conv2d(16, 24, 3, stride=2, groups=2), slopes(24)
        self.depthwise, self.third = nn.Conv2d(24, 24, 3, padding=1, groups=24), slopes(24)
        self.up, self.fourth = nn.ConvTranspose2d(24, 8, 2, stride=2), slopes(8)
        self.flat = nn.Flatten()
        self.fc, self.fifth, self.last = nn.Linear(8 * 8 * 8, 20), slopes(20), nn.Linear(20, 4)
        for module in self.modules():
            if isinstance(module, nn.PReLU):
                module.weight.data.uniform_(-0.4, 1.4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.grouped(self.first(self.norm(self.conv(x)))))
        x = self.flat(self.fourth(self.up(self.third(self.depthwise(x)))))
        result: Tensor = self.last(self.fifth(self.fc(x)))
        return result


@pytest.fixture(params=SLOPES)
def bent(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(1)
    return random_state(Bent(SLOPES[request.param])), torch.randn(8, 3, 10, 10)


def test_layers_compute_slopes_and_no_operation_is_left(bent: tuple[nn.Module, Tensor], tmp_path: Path) -> None:
    model, x = bent
    made = quantized(model, x)
    assert all(isinstance(made.get_submodule(name), Absorbed) for name in "first second third fourth fifth".split())
    converted = convert(made)
    assert differences(made, converted, x) == {}
    compiled = compile(converted, x)
    assert not {"lookup", "prelu"} & {op.name.split(".")[1] for op in compiled.program.ops}
    save(compiled, tmp_path / "bent.int8")
    with torch.no_grad():
        expected = converted(x)
        assert torch.equal(load(tmp_path / "bent.int8")(x), expected)
        assert noise(model(x), expected) > 30


def test_what_training_saw_is_what_integers_compute(bent: tuple[nn.Module, Tensor]) -> None:
    model, x = bent
    QuantAwareTrainRangeLinearQuantizer(model, bits_activations=8, bits_weights=8).prepare_model(x)
    model.train()
    for _ in range(3):
        model(x).square().mean().backward()
    model.eval()
    finished = copy.deepcopy(model)
    finish_training(finished, x)
    with torch.no_grad():
        assert noise(model(x), finished(x)) > 30
        assert torch.equal(convert(model)(x), finished(x))


def test_a_checkpoint_brings_the_slopes(bent: tuple[nn.Module, Tensor], tmp_path: Path) -> None:
    model, x = bent
    made = quantized(model, x)
    save_checkpoint(tmp_path / "bent.pt", made)
    for parameter in model.parameters():
        parameter.data.zero_()
    load_checkpoint(tmp_path / "bent.pt", model)
    with torch.no_grad():
        assert torch.equal(model(x), made(x))


def test_slopes_of_other_channels_stay_by_themselves() -> None:
    """Behind a linear layer of three dimensions slopes are along the second one."""
    torch.manual_seed(2)
    model, x = nn.Sequential(nn.Linear(6, 5), nn.PReLU(5), nn.Linear(5, 3)), torch.randn(4, 5, 6)
    made = quantized(model, x)
    assert not isinstance(made[1], Absorbed)
    converted = convert(made)
    assert differences(made, converted, x) == {}


def test_an_addition_behind_slopes() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            from runtime.modules import EltWiseAdd

            self.conv, self.slopes, self.add = nn.Conv2d(4, 4, 3, padding=1), nn.PReLU(4), EltWiseAdd()
            self.last = nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.last(self.add(self.slopes(self.conv(x)), x))
            return result

    torch.manual_seed(3)
    x = torch.randn(2, 4, 6, 6)
    converted = convert(quantized(Residual(), x))
    with torch.no_grad():
        assert torch.equal(compile(converted, x)(x), converted(x))
