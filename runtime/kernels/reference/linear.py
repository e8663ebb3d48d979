"""Sums of products: convolution, transposed convolution, linear layers and products of two activations.

The sums are taken in float64, which holds every partial sum of 8-bit products exactly.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime.kernels.reference.pointwise import add
from runtime.kernels.reference.scales import requantize, wrap_int32

__all__ = ["conv", "conv_add", "conv_float", "conv_transpose", "conv_transpose_float"]
__all__ += ["linear", "linear_float", "matmul"]

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    low: int = 0,
    high: int = 255,
    negative: Tensor | None = None,
) -> Tensor:
    """Convolution over 1, 2 or 3 spatial dimensions; padding stands for the real number zero."""
    total = convolved_sum(x, weight, bias, x_zero, stride, padding, dilation, groups)
    return _by_channel(total, multiplier, out_zero, low, high, negative)


def conv_float(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution whose result stays in float32: the sum times the multiplier, unrounded."""
    total = convolved_sum(x, weight, bias, x_zero, stride, padding, dilation, groups)
    return total.to(torch.float32) * spread(multiplier, total)


def conv_add(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    conv_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    conv_low: int,
    conv_high: int,
    other: Tensor,
    conv_multiplier: float,
    other_multiplier: float,
    other_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
) -> Tensor:
    """A convolution and the addition behind it: exactly `add(conv(...), other, ...)`."""
    between = conv(
        x, weight, bias, multiplier, x_zero, conv_zero, stride, padding, dilation, groups, conv_low, conv_high
    )
    return add(between, other, conv_multiplier, other_multiplier, conv_zero, other_zero, out_zero, low, high)


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    low: int = 0,
    high: int = 255,
    negative: Tensor | None = None,
) -> Tensor:
    """Transposed convolution; `weight` is (in, out / groups, ...) as torch has it."""
    total = transposed_sum(x, weight, bias, x_zero, stride, padding, output_padding, dilation, groups)
    return _by_channel(total, multiplier, out_zero, low, high, negative)


def conv_transpose_float(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """The same, left in float32."""
    total = transposed_sum(x, weight, bias, x_zero, stride, padding, output_padding, dilation, groups)
    return total.to(torch.float32) * spread(multiplier, total)


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
    negative: Tensor | None = None,
) -> Tensor:
    """`x` (..., in) by `weight` (out, in)."""
    return requantize(linear_sum(x, weight, bias, x_zero), multiplier, out_zero, low, high, negative)


def linear_float(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, x_zero: int) -> Tensor:
    """A linear layer whose result stays in float32: the sum times the multiplier, unrounded."""
    return linear_sum(x, weight, bias, x_zero).to(torch.float32) * multiplier


def matmul(
    a: Tensor,
    b: Tensor,
    multiplier: float,
    a_zero: int,
    b_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
) -> Tensor:
    """The product of two activations, batched and broadcast as torch.matmul does."""
    total = wrap_int32(torch.matmul(a.double() - a_zero, b.double() - b_zero))
    return requantize(total, torch.tensor(multiplier, dtype=torch.float32), out_zero, low, high)


def linear_sum(x: Tensor, weight: Tensor, bias: Tensor | None, x_zero: int) -> Tensor:
    total = F.linear(x.double() - x_zero, weight.double()).to(torch.int64)
    return wrap_int32(total if bias is None else total + bias)


def convolved_sum(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    geometry = (tuple(stride), tuple(padding), tuple(dilation), groups)
    return _with_bias(_CONVOLUTIONS[len(stride)](x.double() - x_zero, weight.double(), None, *geometry), bias)


def transposed_sum(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    geometry = (tuple(stride), tuple(padding), tuple(output_padding), groups, tuple(dilation))
    return _with_bias(_TRANSPOSED[len(stride)](x.double() - x_zero, weight.double(), None, *geometry), bias)


def _with_bias(total: Tensor, bias: Tensor | None) -> Tensor:
    exact = total.to(torch.int64)
    return wrap_int32(exact if bias is None else exact + spread(bias, total))


def _by_channel(
    total: Tensor, multiplier: Tensor, out_zero: int, low: int, high: int, negative: Tensor | None
) -> Tensor:
    below = None if negative is None else spread(negative, total)
    return requantize(total, spread(multiplier, total), out_zero, low, high, below)


def spread(values: Tensor, total: Tensor) -> Tensor:
    """One for each channel, along dimension 1."""
    return values.view(-1, *[1] * (total.dim() - 2))
