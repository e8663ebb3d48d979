"""Means and average pooling: exact sums of integers, times the multiplier, divided by how many there were."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.utils import _single

import runtime.modules as wrappers
from runtime.quantization.arithmetic import multiplier
from runtime.quantization.quantized.base import QuantizedModule, centred

ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
WINDOWED = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
AVERAGES = (*ADAPTIVE, *WINDOWED, wrappers.Mean)


class QuantizedAverage(QuantizedModule):
    """A mean over dimensions, an average pooling, or an adaptive one."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        output, given = self.output_params, self.input_params[0] if self.input_params else None
        if output is None or given is None:
            return self.in_float(x, *args, **kwargs)
        integers = centred(x, given).to(torch.float64)
        average = self.inner(integers, *args, **kwargs)
        count = self._count(x, average).to(x.device)
        total = torch.round(average * count).to(torch.float32)
        # The product is rounded to float32, then the quotient.
        quotient = total * multiplier([given.scale], output.scale) / count.to(torch.float32)
        return self.requantized(quotient, torch.ones_like(output.scale), output).to(x.dtype)

    def _count(self, x: Tensor, average: Tensor) -> Tensor:
        """How many numbers each average is divided by, in a form that broadcasts."""
        if isinstance(self.inner, WINDOWED):
            return _window_sizes(self.inner, x)
        if isinstance(self.inner, ADAPTIVE):
            return _adaptive_sizes(x, average)
        return torch.tensor(x.numel() // max(average.numel(), 1), dtype=torch.float64)


def _window_sizes(pool: nn.Module, x: Tensor) -> Tensor:
    """The average of ones is the part of the window that lies on the tensor."""
    if isinstance(pool, nn.AvgPool1d):
        (kernel,), (stride,), (padding,) = map(_single, (pool.kernel_size, pool.stride, pool.padding))
        flat = nn.AvgPool2d((1, kernel), (1, stride), (0, padding), pool.ceil_mode, pool.count_include_pad)
        return _window_sizes(flat, x.unsqueeze(-2)).squeeze(-2)
    assert isinstance(pool, (nn.AvgPool2d, nn.AvgPool3d))
    if pool.divisor_override is not None:
        return torch.tensor(pool.divisor_override, dtype=torch.float64)
    average, dims = (F.avg_pool2d, 2) if isinstance(pool, nn.AvgPool2d) else (F.avg_pool3d, 3)
    ones = torch.ones(1, *x.shape[-dims:], dtype=torch.float64)
    geometry = (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, pool.count_include_pad)
    return torch.round(average(ones, *geometry, divisor_override=1) / pool(ones))


def _adaptive_sizes(x: Tensor, average: Tensor) -> Tensor:
    """Windows of an adaptive pooling go from floor(i * size / n) to ceil((i + 1) * size / n)."""
    count = torch.ones([], dtype=torch.float64)
    dims = range(average.dim() - _spatial(x, average), average.dim())
    for dim in dims:
        size, number = x.shape[dim], average.shape[dim]
        place = torch.arange(number)
        lengths = -(-(place + 1) * size // number) - place * size // number
        count = count.unsqueeze(-1) * lengths
    return count


def _spatial(x: Tensor, average: Tensor) -> int:
    """The number of last dimensions that were pooled, or may as well have been."""
    leading = next((d for d in range(x.dim()) if x.shape[d] != average.shape[d]), x.dim())
    return x.dim() - leading
