"""Weights whose errors make up for each other: the layer's result is nearer, on inputs that go together."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import runtime
from runtime.quantization.arithmetic import per_channel
from runtime.quantization.compensated import compensated, rounded_together
from runtime.quantization.compensation import Compensation
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.quantized.weights import weight_qparams
from runtime.quantization.summary import noise


def alike(*sizes: int, seed: int = 0) -> Tensor:
    """Numbers that go together along all dimensions but the first."""
    mixing, draw = torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed)
    x = torch.randn(*sizes, generator=draw)
    for dim in range(1, len(sizes)):
        x = x.cumsum(dim) * 0.5
    channels = sizes[1]
    mixed = torch.randn(channels, channels, generator=mixing) + 1.0
    return torch.einsum("nc...,dc->nd...", x, mixed)


def test_groups_are_rounded_each_for_itself() -> None:
    torch.manual_seed(0)
    weights, rows = torch.randn(2, 5, 8), torch.stack([alike(50, 8, seed=seed) for seed in range(2)])
    params = [weight_qparams(weight, 4, per_channel(0)) for weight in weights]
    scale = torch.stack([one.scale for one in params]).unsqueeze(2)
    power = rows.double().transpose(1, 2) @ rows.double() / 50
    together = rounded_together(weights.double() / scale.double(), params[0].grid, power)
    for group in range(2):
        assert torch.equal(together[group], compensated(weights[group], params[group], rows[group]))


LAYERS = {
    "linear": (nn.Linear(12, 6), (12,)),
    "convolution": (nn.Conv2d(4, 6, 3, padding=1), (4, 8, 8)),
    "by channel": (nn.Conv2d(4, 4, 3, groups=4), (4, 8, 8)),
    "in groups, along time": (nn.Conv1d(4, 6, 5, groups=2, stride=2), (4, 40)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_result_is_nearer(name: str) -> None:
    torch.manual_seed(0)
    layer, sizes = copy.deepcopy(LAYERS[name][0]), LAYERS[name][1]
    model = nn.Sequential(layer).eval()
    data = [alike(64, *sizes, seed=seed) for seed in range(3)]
    quantized = runtime.quantize(model, data[:2], bits_weights=4, goal=0, verbose=False)
    exact, plain = model(data[2]), noise(model(data[2]), quantized(data[2]))
    scale = quantized[0].weight_scale.clone()
    Compensation(model, data[:2]).apply(quantized)
    assert noise(exact, quantized(data[2])) > plain + 0.5
    assert isinstance(quantized[0], QuantizedSum) and torch.equal(quantized[0].weight_scale, scale)


def test_with_few_rows_weights_stay_as_they_are() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 6)).eval(), torch.randn(4, 12)
    quantized = runtime.quantize(model, [x], goal=0, verbose=False)
    before = quantized[0].integers.clone()
    Compensation(model, [x]).apply(quantized)
    assert torch.equal(quantized[0].integers, before)


def test_the_normalization_of_a_layer_is_in_its_weights() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()).eval()
    model[1].weight.data.uniform_(0.1, 4.0)
    data = [torch.randn(8, 3, 8, 8) for _ in range(2)]
    quantized = runtime.quantize(model, data, goal=0, verbose=False)
    before = quantized[0].integers.clone()
    Compensation(model, data).apply(quantized)
    assert (quantized[0].integers.int() - before.int()).abs().max() <= 2
