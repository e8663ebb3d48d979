"""Element by element: sums and products of two activations, joining, and tables."""

from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels.reference.scales import centred, float32, requantize, rescale_table, round_to_code

__all__ = ["add", "concat", "lookup", "mul", "prelu"]


def add(
    a: Tensor,
    b: Tensor,
    a_multiplier: float,
    b_multiplier: float,
    a_zero: int,
    b_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
) -> Tensor:
    """Each side times its own multiplier, then one float32 addition. A negative multiplier subtracts."""
    total = centred(a, a_zero) * float32(a_multiplier) + centred(b, b_zero) * float32(b_multiplier)
    return round_to_code(total, out_zero, low, high)


def mul(
    a: Tensor,
    b: Tensor,
    multiplier: float,
    a_zero: int,
    b_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
) -> Tensor:
    """The exact product of the centred codes, requantized."""
    product = (a.to(torch.int32) - a_zero) * (b.to(torch.int32) - b_zero)
    return requantize(product, float32(multiplier), out_zero, low, high)


def concat(
    tensors: Sequence[Tensor], multipliers: Sequence[float], zeros: Sequence[int], out_zero: int, dim: int
) -> Tensor:
    """Each tensor moved to the common scale, then joined."""
    moved = [
        lookup(tensor, rescale_table(multiplier, zero, out_zero))
        for tensor, multiplier, zero in zip(tensors, multipliers, zeros, strict=True)
    ]
    return torch.cat(moved, dim)


def lookup(x: Tensor, table: Tensor) -> Tensor:
    """Each code replaced by its entry in a table of 256 codes."""
    return table[x.long()]


def prelu(x: Tensor, multiplier: float, negative: Tensor, x_zero: int, out_zero: int) -> Tensor:
    """Negative numbers times `negative`, which has one number a channel, the others times the multiplier."""
    number, slopes = centred(x, x_zero), negative.reshape(-1, *[1] * (x.dim() - 2))
    return round_to_code(number.clamp(min=0) * float32(multiplier) + number.clamp(max=0) * slopes, out_zero)
