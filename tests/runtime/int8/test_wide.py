"""Layers that are given 16 bits: between floating point and floating point, on integers inside."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8 import compile, convert, report
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.quantized.wide import WideSum
from runtime.quantization.summary import noise
from tests.runtime.int8.small import quantized, random_state

ON_16_BITS = {"bits_activations": 16}


class Net(nn.Module):
    """A layer between two on 8 bits, the first of which ends in an activation."""

    def __init__(self, layer: nn.Module, channels: int) -> None:
        super().__init__()
        self.first, self.relu = nn.Conv2d(3, 8, 3), nn.ReLU()
        self.layer, self.relu2 = layer, nn.ReLU()
        self.last = nn.Conv2d(channels, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu2(self.layer(self.relu(self.first(x))))
        result: Tensor = self.last(x)
        return result


LAYERS: dict[str, tuple[nn.Module, int]] = {
    "plain": (nn.Conv2d(8, 6, 3, padding=1), 6),
    "with a normalization": (nn.Sequential(nn.Conv2d(8, 6, 3, stride=2, bias=False), nn.BatchNorm2d(6)), 6),
    "by channel": (nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8), 8),
    "reflected": (nn.Conv2d(8, 5, 3, padding=1, padding_mode="reflect"), 5),
    "uneven": (nn.Conv2d(8, 5, 2, padding="same"), 5),
    "transposed": (nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1), 6),
    "transposed in groups": (nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2, bias=False), 6),
}


@pytest.mark.parametrize("name", LAYERS)
def test_integers_compute_what_is_simulated(name: str) -> None:
    layer, channels = LAYERS[name]
    model, x = random_state(Net(layer, channels), 3), torch.randn(2, 3, 9, 9)
    where = "layer.0" if isinstance(layer, nn.Sequential) else "layer"
    wide = quantized(model, x, overrides={where: ON_16_BITS})
    found = wide.get_submodule(where)
    assert isinstance(found, WideSum) and found.input_params[0] is not None and found.output_params is None
    assert type(wide.get_submodule("relu")) is nn.ReLU, "nobody takes its result as codes"
    last = wide.get_submodule("last")
    assert isinstance(last, QuantizedSum) and last.input_params[0] is not None
    assert last.input_params[0].grid.bits == 8
    converted = convert(wide)
    assert not [line for line in report(converted).in_float if line.name in (where, "first", "last")]
    compiled = compile(converted, x)
    assert compiled.program is not None
    for batch in (x, torch.randn(3, 3, 9, 9) * 2):
        with torch.no_grad():
            expected = wide(batch)
            assert torch.equal(converted(batch), expected) and torch.equal(compiled(batch), expected)


def test_a_whole_model_on_16_bits_is_as_near_as_its_weights() -> None:
    layer, channels = LAYERS["plain"]
    model, x = random_state(Net(layer, channels), 3), torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        exact = model(x)
        plain = noise(exact, quantized(model, x)(x))
        wide = quantized(model, x, bits_activations=16)
        assert noise(exact, wide(x)) > plain + 3
        compiled = compile(convert(wide), x)
        assert torch.equal(compiled(x), wide(x))
    assert all(isinstance(m, WideSum) for name, m in wide.named_modules() if isinstance(m, QuantizedSum))


class Branches(nn.Module):
    """One result that goes to a layer on 8 bits and to one on 16."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu = nn.Conv1d(2, 8, 3), nn.ReLU()
        self.left, self.right, self.add = nn.Conv1d(8, 4, 1), nn.Conv1d(8, 4, 1), wrappers.EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        result: Tensor = self.add(self.left(x), self.right(x))
        return result


def test_what_another_layer_takes_as_codes_stays_codes() -> None:
    model, x = random_state(Branches(), 4), torch.randn(2, 2, 12)
    wide = quantized(model, x, overrides={"right": ON_16_BITS})
    left, right = wide.get_submodule("left"), wide.get_submodule("right")
    assert isinstance(left, QuantizedSum) and left.input_params[0] is not None
    assert isinstance(right, QuantizedSum) and right.output_params is None
    converted = convert(wide)
    with torch.no_grad():
        assert torch.equal(converted(x), wide(x)) and torch.equal(compile(converted, x)(x), wide(x))
