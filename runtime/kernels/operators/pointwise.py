"""Operators that work element by element."""

from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels import checks
from runtime.kernels.dispatch import implementation
from runtime.kernels.layout import empty_channels_last, like_broadcast
from runtime.kernels.operators.register import operator

__all__ = ["add", "concat", "lookup", "mul", "prelu", "quantize"]


def _fake_binary(a: Tensor, b: Tensor, *rest: object) -> Tensor:
    return like_broadcast(a, b)


@operator(_fake_binary)
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
    checks.codes("a", a)
    checks.codes("b", b)
    checks.code_range(low, high, a_zero=a_zero, b_zero=b_zero, out_zero=out_zero)
    checks.scale(a_multiplier=a_multiplier, b_multiplier=b_multiplier)
    result: Tensor = implementation().add(a, b, a_multiplier, b_multiplier, a_zero, b_zero, out_zero, low, high)
    return result


@operator(_fake_binary)
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
    checks.codes("a", a)
    checks.codes("b", b)
    checks.code_range(low, high, a_zero=a_zero, b_zero=b_zero, out_zero=out_zero)
    checks.scale(multiplier=multiplier)
    result: Tensor = implementation().mul(a, b, multiplier, a_zero, b_zero, out_zero, low, high)
    return result


def _fake_concat(
    tensors: Sequence[Tensor], multipliers: Sequence[float], zeros: Sequence[int], out_zero: int, dim: int
) -> Tensor:
    first = tensors[0]
    if first.dim() < 3 or dim % first.dim() != 1:
        return torch.cat(list(tensors), dim)
    return empty_channels_last(first.shape[0], sum(x.shape[1] for x in tensors), first.shape[2:])


@operator(_fake_concat)
def concat(
    tensors: Sequence[Tensor], multipliers: Sequence[float], zeros: Sequence[int], out_zero: int, dim: int
) -> Tensor:
    for i, x in enumerate(tensors):
        checks.codes(f"tensors[{i}]", x)
    if not len(tensors) == len(multipliers) == len(zeros) > 0:
        counts = f"{len(tensors)} tensors, {len(multipliers)} multipliers and {len(zeros)} zeros"
        raise ValueError(
            f"concat takes one multiplier and one zero point for each of at least one tensor, not {counts}"
        )
    _check_joined(tensors, dim)
    for multiplier, zero in zip(multipliers, zeros, strict=True):
        checks.scale(multiplier=multiplier)
        checks.code_range(0, 255, zero=zero, out_zero=out_zero)
    result: Tensor = implementation().concat(tensors, multipliers, zeros, out_zero, dim)
    return result


def _check_joined(tensors: Sequence[Tensor], dim: int) -> None:
    """All sizes agree but the one along `dim`."""
    first = tensors[0]
    if not -first.dim() <= dim < first.dim():
        raise ValueError(f"tensors of {first.dim()} dimensions have no dimension {dim}")
    for i, x in enumerate(tensors):
        if x.dim() != first.dim() or any(
            x.shape[d] != first.shape[d] for d in range(x.dim()) if d != dim % first.dim()
        ):
            raise ValueError(
                f"tensors[{i}] of shape {tuple(x.shape)} does not fit beside shape {tuple(first.shape)} along {dim}"
            )


def _fake_lookup(x: Tensor, table: Tensor) -> Tensor:
    return torch.empty_like(x)


@operator(_fake_lookup)
def lookup(x: Tensor, table: Tensor) -> Tensor:
    checks.codes("x", x)
    checks.codes("table", table)
    if tuple(table.shape) != (256,):
        raise ValueError(f"table must hold 256 codes, not {tuple(table.shape)}")
    result: Tensor = implementation().lookup(x, table)
    return result


def _fake_prelu(x: Tensor, *rest: object) -> Tensor:
    return empty_channels_last(x.shape[0], x.shape[1], x.shape[2:])


@operator(_fake_prelu)
def prelu(x: Tensor, multiplier: float, negative: Tensor, x_zero: int, out_zero: int) -> Tensor:
    checks.codes("x", x)
    if x.dim() < 2:
        raise ValueError(f"x must have a batch and channels, not shape {tuple(x.shape)}")
    checks.floats("negative", negative, x.shape[1:2])
    checks.scale(multiplier=multiplier)
    checks.code_range(0, 255, x_zero=x_zero, out_zero=out_zero)
    result: Tensor = implementation().prelu(x, multiplier, negative, x_zero, out_zero)
    return result


def _fake_quantize(x: Tensor, scale: float, zero: int) -> Tensor:
    return torch.empty_like(x, dtype=torch.uint8)


@operator(_fake_quantize)
def quantize(x: Tensor, scale: float, zero: int) -> Tensor:
    if not x.is_floating_point() or x.device.type != "cpu":
        raise TypeError(f"x must be a floating-point tensor on the CPU, not {x.dtype} on {x.device}")
    checks.scale(scale=scale)
    checks.code_range(0, 255, zero=zero)
    result: Tensor = implementation().quantize(x, scale, zero)
    return result
