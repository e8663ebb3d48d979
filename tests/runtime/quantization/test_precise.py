"""Normalizations of integers: as exact as in float64, and one order of operations for every runtime."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.quantization.known import settings
from runtime.quantization.quantized.precise import in_double, normalized

SCALE = 0.03125
ROWS = (torch.arange(8 * 5 * 12, dtype=torch.float32) * 89 % 256).reshape(8, 5, 12) - 120
LAYERS = {
    "layer norm": lambda: nn.LayerNorm(12),
    "over two dimensions": lambda: nn.LayerNorm((5, 12), eps=1e-3),
    "without a bias": lambda: nn.LayerNorm(12, bias=False),
    "without weights": lambda: nn.LayerNorm(12, elementwise_affine=False),
    "root mean square": lambda: nn.RMSNorm(12, eps=1e-6),
    "root mean square without weights": lambda: nn.RMSNorm((5, 12), eps=1e-6, elementwise_affine=False),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("integers", [ROWS, ROWS.sign() + 32000], ids=["codes", "far from zero"])
def test_normalized_is_the_layer_to_float32(name: str, integers: Tensor) -> None:
    torch.manual_seed(0)
    layer = _drawn(LAYERS[name]())
    exact = in_double(layer, (integers * SCALE,), {})
    result = normalized(integers, SCALE, settings(layer))
    assert result.dtype is torch.float32
    a_mean = 1e-6 if integers is ROWS else 2e-3  # float32 holds 32000 to that, and codes are far smaller
    assert torch.allclose(result, exact, rtol=1e-6, atol=a_mean)


def test_an_eps_by_default_is_that_of_float32() -> None:
    layer = _drawn(nn.RMSNorm(12))
    small = ROWS.sign() * 1e-4
    assert torch.allclose(normalized(ROWS.sign(), 1e-4, settings(layer)), layer(small), rtol=1e-5)
    assert torch.equal(in_double(layer, (small,), {}), layer(small))


def _drawn(layer: Any) -> Any:
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return layer
