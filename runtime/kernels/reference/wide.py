"""Sums of products of float32 that is put on integers of 16 bits: each is 256 times one of 8 bits and another.

The sums of the first and those of the second are exact; each is a float32 then.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from runtime.kernels.reference.linear import convolved_sum, linear_sum, transposed_sum
from runtime.kernels.reference.scales import float32

__all__ = ["conv_transpose_wide", "conv_wide", "linear_wide"]

LARGEST_WIDE = 127 * 257
"""Of integers of 16 bits: 256 times a number of 8 bits and another one, neither below -128 or above 127."""


def linear_wide(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, scale: float) -> Tensor:
    """A linear layer."""
    return _joined(x, bias, multiplier, scale, lambda part: linear_sum(part, weight, None, 0))


def conv_wide(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    scale: float,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution."""
    rest = (weight, None, 0, stride, padding, dilation, groups)
    return _joined(x, bias, multiplier, scale, lambda part: convolved_sum(part, *rest), x.dim() - 2)


def conv_transpose_wide(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    scale: float,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """A transposed convolution; `weight` is (in, out / groups, ...) as torch has it."""
    rest = (weight, None, 0, stride, padding, output_padding, dilation, groups)
    return _joined(x, bias, multiplier, scale, lambda part: transposed_sum(part, *rest), x.dim() - 2)


def _joined(
    x: Tensor, bias: Tensor | None, multiplier: Tensor, scale: float, summed: Callable[[Tensor], Tensor], axes: int = 0
) -> Tensor:
    """With channels in front of so many axes."""
    numbers = torch.round((x * (1 / float32(scale))).clamp(-LARGEST_WIDE, LARGEST_WIDE)).to(torch.int32)
    high = (numbers + 128) >> 8
    factor = multiplier.view(-1, *[1] * axes)
    first, second = (summed(part).to(torch.float32) * factor for part in (high, numbers - 256 * high))
    total = first * 256 + second
    return total if bias is None else total + bias.view(-1, *[1] * axes)
