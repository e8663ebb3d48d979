"""Pooling and means. A maximum keeps its codes; an average is an exact sum, requantized.

The average of n codes is `sum * multiplier / n`: the product rounded to float32, then the quotient.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from runtime.kernels.reference.scales import float32, round_to_code
from runtime.kernels.windows import Windows, adaptive, sliding_axes

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool", "mean"]


def max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Tensor:
    return _reduced(x, sliding_axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode), _largest)


def adaptive_max_pool(x: Tensor, size: Sequence[int]) -> Tensor:
    return _reduced(x, _adaptive_axes(x, size), _largest)


def avg_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    multiplier: float,
    x_zero: int,
    out_zero: int,
) -> Tensor:
    """Average over windows. Padding stands for the real number zero, where it counts at all."""
    axes = sliding_axes(x.shape[2:], kernel, stride, padding, None, ceil_mode, count_include_pad)
    return _average(x, axes, divisor_override, multiplier, x_zero, out_zero)


def adaptive_avg_pool(x: Tensor, size: Sequence[int], multiplier: float, x_zero: int, out_zero: int) -> Tensor:
    return _average(x, _adaptive_axes(x, size), None, multiplier, x_zero, out_zero)


def mean(x: Tensor, dims: Sequence[int], keepdim: bool, multiplier: float, x_zero: int, out_zero: int) -> Tensor:
    total = (x.to(torch.int64) - x_zero).sum(tuple(dims), keepdim)
    count = math.prod(x.shape[dim] for dim in dims)
    return _quotient(total, torch.tensor(count), multiplier, out_zero)


def _adaptive_axes(x: Tensor, size: Sequence[int]) -> list[Windows]:
    return [adaptive(length, outputs) for length, outputs in zip(x.shape[2:], size, strict=True)]


def _reduced(x: Tensor, axes: Sequence[Windows], reduce: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Reduce over boxes of one window an axis: sums and maxima can be taken one axis after the other."""
    for dim, axis in enumerate(axes, start=2):
        spans = zip(axis.starts, axis.ends, strict=True)
        x = torch.stack([reduce(x.movedim(dim, 0)[a : b : axis.step], 0) for a, b in spans], dim)
    return x


def _largest(x: Tensor, dim: int) -> Tensor:
    return x.amax(dim) if x.shape[dim] else x.new_zeros([*x.shape[:dim], *x.shape[dim + 1 :]])


def _average(
    x: Tensor, axes: Sequence[Windows], divisor: int | None, multiplier: float, x_zero: int, out_zero: int
) -> Tensor:
    total = _reduced(x.to(torch.int64) - x_zero, axes, Tensor.sum)
    count = torch.ones([], dtype=torch.int64)
    for axis in axes:
        count = count.unsqueeze(-1) * torch.tensor(axis.counts)
    return _quotient(total, torch.tensor(divisor) if divisor is not None else count, multiplier, out_zero)


def _quotient(total: Tensor, count: Tensor, multiplier: float, out_zero: int) -> Tensor:
    value = total.to(torch.float32) * float32(multiplier) / count.to(torch.float32)
    return round_to_code(value, out_zero)
