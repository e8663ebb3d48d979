"""Element by element, by the native kernels."""

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from runtime.kernels.layout import channels_last, empty_channels_last, like_broadcast
from runtime.kernels.native import abi, library
from runtime.kernels.reference.scales import rescale_table

__all__ = ["add", "concat", "lookup", "mul", "prelu"]

_LEAST_PERIOD = 512
"""Codes that are treated in one go: neighbouring pixels together, where they have few channels."""


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
    arguments = abi.arguments("binary")(
        a_multiplier=a_multiplier, b_multiplier=b_multiplier, a_zero=a_zero, b_zero=b_zero
    )
    return _binary(arguments, a, b, out_zero, low, high)


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
    arguments = abi.arguments("binary")(a_multiplier=multiplier, a_zero=a_zero, b_zero=b_zero, product=1)
    return _binary(arguments, a, b, out_zero, low, high)


def concat(
    tensors: Sequence[Tensor], multipliers: Sequence[float], zeros: Sequence[int], out_zero: int, dim: int
) -> Tensor:
    """Along the channels of images each tensor goes straight to its place; elsewhere torch joins."""
    tables = [_table(multiplier, zero, out_zero) for multiplier, zero in zip(multipliers, zeros, strict=True)]
    first = tensors[0]
    dim %= first.dim()
    if dim != 1 or first.dim() < 3:
        moved = [x if table is None else lookup(x, table) for x, table in zip(tensors, tables, strict=True)]
        return torch.cat(moved, dim)
    width = sum(x.shape[1] for x in tensors)
    out = torch.empty(first.shape[0], *first.shape[2:], width, dtype=torch.uint8)
    place = out.data_ptr()
    for x, table in zip(tensors, tables, strict=True):
        _place(x, table, place, width)
        place += x.shape[1]
    return out.movedim(-1, 1)


def lookup(x: Tensor, table: Tensor) -> Tensor:
    out = torch.empty_like(x)
    source = x if x.stride() == out.stride() else torch.empty_like(out).copy_(x)
    _lookup(source, table.contiguous(), out.data_ptr(), 1, x.numel(), x.numel(), x.numel())
    return out


def _table(multiplier: float, zero: int, out_zero: int) -> Tensor | None:
    """None where nothing changes."""
    return None if multiplier == 1 and zero == out_zero else rescale_table(multiplier, zero, out_zero)


def _place(x: Tensor, table: Tensor | None, place: int, width: int) -> None:
    channels = x.shape[1]
    rows = channels_last(x).reshape(-1, channels)
    _lookup(rows, table, place, rows.shape[0], channels, rows.stride(0), width)


def _lookup(x: Tensor, table: Tensor | None, out: int, rows: int, length: int, x_stride: int, out_stride: int) -> None:
    arguments = abi.arguments("lookup")(
        x=x.data_ptr(),
        out=out,
        table=None if table is None else table.data_ptr(),
        rows=rows,
        length=length,
        x_stride=x_stride,
        out_stride=out_stride,
        threads=torch.get_num_threads(),
    )
    library.call("lookup", arguments)


class _Walk(NamedTuple):
    """Two tensors of one shape as three nested loops."""

    sizes: tuple[int, ...]
    a_stride: tuple[int, ...]
    b_stride: tuple[int, ...]


def _binary(arguments: ctypes.Structure, a: Tensor, b: Tensor, zero: int, low: int, high: int) -> Tensor:
    out = like_broadcast(a, b)
    if a.stride() == b.stride() == out.stride() and a.shape == b.shape:
        return _run(arguments, a, b, out, _flat(out), zero, low, high)
    order = sorted(range(out.dim()), key=out.stride, reverse=True)
    a, b = a.expand(out.shape).permute(order), b.expand(out.shape).permute(order)
    walk = _walk(a, b)
    if walk is None:
        a, b = a.contiguous(), b.contiguous()
        walk = _flat(out)
    return _run(arguments, a, b, out, walk, zero, low, high)


def _run(
    arguments: ctypes.Structure, a: Tensor, b: Tensor, out: Tensor, walk: _Walk, zero: int, low: int, high: int
) -> Tensor:
    arguments.a, arguments.b, arguments.out = a.data_ptr(), b.data_ptr(), out.data_ptr()
    arguments.outer, arguments.middle, arguments.inner = walk.sizes
    arguments.a_stride = (ctypes.c_int64 * 3)(*walk.a_stride)
    arguments.b_stride = (ctypes.c_int64 * 3)(*walk.b_stride)
    arguments.zero, arguments.low, arguments.high = zero, low, high
    arguments.threads = torch.get_num_threads()
    library.call("binary", arguments)
    return out


def _flat(out: Tensor) -> _Walk:
    return _Walk((1, 1, out.numel()), (0, 0, 1), (0, 0, 1))


def _walk(a: Tensor, b: Tensor) -> _Walk | None:
    """Joins dimensions that both tensors walk through evenly; None where more than three loops would be left."""
    loops: list[tuple[int, int, int]] = []
    for size, left, right in zip(a.shape, a.stride(), b.stride(), strict=True):
        if size == 1:
            continue
        if loops and loops[-1][1] == left * size and loops[-1][2] == right * size:
            loops[-1] = (loops[-1][0] * size, left, right)
        else:
            loops.append((size, left, right))
    loops = loops or [(1, 1, 1)]
    if len(loops) > 3 or not {loops[-1][1], loops[-1][2]} <= {0, 1}:
        return None
    padded = [(1, 0, 0)] * (3 - len(loops)) + loops
    return _Walk(*(tuple(column) for column in zip(*padded, strict=True)))


def prelu(x: Tensor, multiplier: float, negative: Tensor, x_zero: int, out_zero: int) -> Tensor:
    out = empty_channels_last(x.shape[0], x.shape[1], x.shape[2:])
    rows, channels = x.movedim(1, -1).contiguous(), max(x.shape[1], 1)
    pattern = negative.repeat(-(-_LEAST_PERIOD // channels))
    arguments = abi.arguments("prelu")(
        x=rows.data_ptr(),
        out=out.data_ptr(),
        negative=pattern.data_ptr(),
        length=rows.numel(),
        period=max(pattern.numel(), 1),
        multiplier=multiplier,
        x_zero=x_zero,
        zero=out_zero,
        threads=torch.get_num_threads(),
    )
    library.keep(pattern)
    library.call("prelu", arguments)
    return out
