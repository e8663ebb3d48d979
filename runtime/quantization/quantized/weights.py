"""How weights lie on integers: symmetric, without the lowest integer, which keeps products of two in 16 bits."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.quantization.arithmetic import (
    Granularity,
    Grid,
    QParams,
    fake_quantize,
    qparams_from_range,
    value_range,
)

_SHRINKS = torch.linspace(1.0, 0.4, 31).tolist()


def weight_qparams(weight: Tensor, bits: int, granularity: Granularity) -> QParams:
    """Up to the largest magnitude at 8 bits and more; below, where outliers cost the rest its steps, the range with the
    least squared error.
    """
    grid = Grid(bits, signed=True, restricted=True)
    low, high = value_range(weight, granularity)
    reach = torch.maximum(-low, high).clamp(min=0)
    if bits < 8:
        reach = _least_squared_error(weight, reach, grid, granularity)
    return qparams_from_range(-reach, reach, grid, symmetric=True, granularity=granularity)


def _least_squared_error(weight: Tensor, reach: Tensor, grid: Grid, granularity: Granularity) -> Tensor:
    best, least = reach, torch.full_like(reach, torch.inf)
    for shrink in _SHRINKS:
        params = qparams_from_range(-reach * shrink, reach * shrink, grid, symmetric=True, granularity=granularity)
        error = granularity.blocks(fake_quantize(weight, params) - weight).square().sum(-1)
        best = torch.where(error < least, reach * shrink, best)
        least = torch.minimum(error, least)
    return best
