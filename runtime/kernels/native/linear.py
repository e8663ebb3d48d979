"""Sums of products, by the native kernels."""

import ctypes
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels.layout import axes, channels_last, empty_channels_last, int64s, strides
from runtime.kernels.native import abi, library
from runtime.kernels.native.phases import phases
from runtime.kernels.native.scales import inverse
from runtime.kernels.native.weights import Packed, cached
from runtime.kernels.sizes import broadcast, convolved, transposed

__all__ = ["conv", "conv_add", "conv_transpose", "linear", "linear_float", "linear_wide", "matmul"]

_FEW_CHANNELS = 16
_FEW_ROWS = 8
"""For which an instruction set may lay weights out in another way."""


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
) -> Tensor:
    out = _empty_output(x, weight, stride, padding, dilation)
    moved = channels_last(x)
    along = _line(moved, weight.shape[2:], padding, dilation) if groups == 1 else None
    if along is None:
        packed = _packed(weight, bias, groups, x_zero, stride, dilation, out)
        arguments = _images(packed, moved, channels_last(out), weight.shape[2:], stride, padding, dilation)
    else:
        packed = cached(weight, bias, ("line", x_zero), lambda: _packed_line(weight, bias, x_zero, out))
        windows, places = _windows(moved, along, weight, stride), channels_last(out).flatten(1, -2)
        arguments = _images(packed, windows, places, [1], [1], [0], [1])
    _run(arguments, multiplier, x_zero, out_zero, low, high)
    return out


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
    out = _empty_output(x, weight, stride, padding, dilation)
    packed = _packed(weight, bias, groups, x_zero, stride, dilation, out)
    moved, beside = channels_last(x), channels_last(other.expand(out.shape))
    arguments = _images(packed, moved, channels_last(out), weight.shape[2:], stride, padding, dilation)
    arguments.other = beside.data_ptr()
    arguments.other_stride = strides(beside)
    arguments.self_multiplier, arguments.other_multiplier = conv_multiplier, other_multiplier
    arguments.other_zero, arguments.sum_zero = other_zero, out_zero
    arguments.sum_low, arguments.sum_high = low, high
    _run(arguments, multiplier, x_zero, conv_zero, conv_low, conv_high)
    return out


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
) -> Tensor:
    geometry = (groups, x_zero, *stride, *padding, *dilation)
    parts = cached(weight, bias, geometry, lambda: phases(weight, bias, x_zero, stride, padding, dilation, groups))
    size = transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    out = empty_channels_last(x.shape[0], weight.shape[1] * groups, size)
    moved, ones = channels_last(x), [1] * len(stride)
    for part in parts:
        steps = [slice(first, None, step) for first, step in zip(part.first, stride, strict=True)]
        places = (slice(None), *steps)
        share = channels_last(out)[places]
        arguments = _images(part.packed, moved, share, part.kernel, ones, part.padding, part.dilation)
        _run(arguments, multiplier, x_zero, out_zero, low, high)
    return out


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
) -> Tensor:
    out = torch.empty(*x.shape[:-1], weight.shape[0], dtype=torch.uint8)
    packed, rows = _packed_linear(weight, bias, x_zero, out), x.reshape(-1, 1, x.shape[-1]).contiguous()
    arguments = _images(packed, rows, out.view(-1, 1, weight.shape[0]), [1], [1], [0], [1])
    _run(arguments, multiplier, x_zero, out_zero, low, high)
    return out


def linear_float(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, x_zero: int) -> Tensor:
    out = torch.empty(*x.shape[:-1], weight.shape[0], dtype=torch.float32)
    packed, rows = _packed_linear(weight, bias, x_zero, out), x.reshape(-1, 1, x.shape[-1]).contiguous()
    arguments = _images(packed, rows, out.view(-1, 1, weight.shape[0]), [1], [1], [0], [1])
    arguments.out, arguments.out_float = None, out.data_ptr()
    _run(arguments, multiplier, x_zero, 0, 0, 255)
    return out


def linear_wide(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, scale: float) -> Tensor:
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    codes = torch.empty(2, *rows.shape, dtype=torch.uint8)
    sums = torch.empty(2, rows.shape[0], weight.shape[0])
    out = torch.empty(*x.shape[:-1], weight.shape[0])
    threads = torch.get_num_threads()
    widened = abi.arguments("widen")(
        x=rows.data_ptr(), out=codes.data_ptr(), length=rows.numel(), inverse_scale=inverse(scale), threads=threads
    )
    library.call("widen", widened)
    library.call("conv", wide_product(codes.flatten(0, 1), weight, multiplier.contiguous(), sums.flatten(0, 1)))
    bias = None if bias is None else bias.contiguous()
    joined = abi.arguments("joined")(
        high=sums[0].data_ptr(),
        low=sums[1].data_ptr(),
        bias=None if bias is None else bias.data_ptr(),
        out=out.data_ptr(),
        rows=rows.shape[0],
        columns=weight.shape[0],
        threads=threads,
    )
    library.call("joined", joined)
    return out


def wide_product(codes: Tensor, weight: Tensor, multiplier: Tensor, sums: Tensor) -> ctypes.Structure:
    """The arguments of the product of both codes of numbers of 16 bits, whose zero is 128."""
    few = sums.shape[0] <= _FEW_ROWS  # many calls have so many, and what is packed for few suits few alone
    packed = cached(weight, None, (1, 128, few), lambda: Packed(weight, None, 1, 128, rows=sums.shape[0]))
    rows, out = codes.unsqueeze(1), sums.unsqueeze(1)
    arguments = _images(packed, rows, out, [1], [1], [0], [1])
    arguments.out, arguments.out_float = None, sums.data_ptr()
    arguments.multiplier, arguments.threads = multiplier.data_ptr(), torch.get_num_threads()
    arguments.x_zero, arguments.high = 128, 255
    return arguments


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
    a = a if a.stride(-1) == 1 else a.contiguous()
    batch = broadcast(a.shape[:-2], b.shape[:-2])
    out = torch.empty(*batch, a.shape[-2], b.shape[-1], dtype=torch.uint8)
    arguments = abi.arguments("matmul")(
        a=a.data_ptr(),
        b=b.data_ptr(),
        out=out.data_ptr(),
        a_batch=_starts(a, batch),
        b_batch=_starts(b, batch),
        batch=math.prod(batch),
        rows=a.shape[-2],
        columns=b.shape[-1],
        depth=a.shape[-1],
        a_row_stride=a.stride(-2),
        b_column_stride=b.stride(-1),
        b_depth_stride=b.stride(-2),
        multiplier=multiplier,
        a_zero=a_zero,
        b_zero=b_zero,
        zero=out_zero,
        low=low,
        high=high,
        threads=torch.get_num_threads(),
    )
    library.call("matmul", arguments)
    return out


def _starts(x: Tensor, batch: torch.Size) -> ctypes.Array[ctypes.c_int64]:
    """Where each matrix of the batch starts, in elements."""
    starts = torch.zeros([], dtype=torch.int64)
    for size, step in zip(x.shape[:-2], x.stride()[:-2], strict=True):
        starts = starts.unsqueeze(-1) + torch.arange(size) * step
    return int64s(starts.expand(batch).flatten().tolist())


def _packed(
    weight: Tensor,
    bias: Tensor | None,
    groups: int,
    x_zero: int,
    stride: Sequence[int],
    dilation: Sequence[int],
    out: Tensor,
) -> Packed:
    plain = (*weight.shape[2:], *stride, *dilation) == (3, 3, 1, 1, 1, 1)
    return cached(
        weight, bias, (groups, x_zero, plain), lambda: Packed(weight, bias, groups, x_zero, plain, _rows(out, 1))
    )


def _line(x: Tensor, kernel: Sequence[int], padding: Sequence[int], dilation: Sequence[int]) -> int | None:
    """The axis along which all that an output is made of lies side by side, few channels at each place, if one does.

    `x` has its channels last. Then windows of it are rows of a linear layer, and nothing has to be gathered.
    """
    axes_ = [axis for axis, size in enumerate(kernel) if size > 1]
    if len(axes_) != 1 or any(padding) or x.shape[-1] >= _FEW_CHANNELS:
        return None
    (axis,) = axes_
    others = [size for place, size in enumerate(x.shape[1:-1]) if place != axis]
    plain = dilation[axis] == 1 and x.stride(axis + 1) == x.shape[-1] and all(size == 1 for size in others)
    return axis if plain and (x.shape[-1] == 1 or x.stride(-1) == 1) else None


def _windows(x: Tensor, axis: int, weight: Tensor, stride: Sequence[int]) -> Tensor:
    """All that each output along the axis is made of, as a view."""
    depth, step = weight.shape[1] * weight.shape[axis + 2], x.stride(axis + 1) * stride[axis]
    count = (x.shape[axis + 1] - weight.shape[axis + 2]) // stride[axis] + 1
    return x.as_strided((x.shape[0], count, depth), (x.stride(0), step, 1))


def _packed_line(weight: Tensor, bias: Tensor | None, x_zero: int, out: Tensor) -> Packed:
    return Packed(weight.movedim(1, -1).reshape(len(weight), -1, 1), bias, 1, x_zero, rows=_rows(out, 1))


def _packed_linear(weight: Tensor, bias: Tensor | None, x_zero: int, out: Tensor) -> Packed:
    return cached(weight, bias, (1, x_zero), lambda: Packed(weight, bias, 1, x_zero, rows=_rows(out, -1)))


def _rows(out: Tensor, columns: int) -> int:
    """How many outputs there are, each over all channels."""
    return out.numel() // max(out.shape[columns], 1)


def _empty_output(
    x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    size = convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return empty_channels_last(x.shape[0], weight.shape[0], size)


def _images(
    packed: Packed,
    x: Tensor,
    out: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> ctypes.Structure:
    """The part of the arguments that says which inputs meet which weights; `x` and `out` have their channels last."""
    return abi.arguments("conv")(
        weight=packed.handle,
        x=x.data_ptr(),
        out=out.data_ptr(),
        batch=x.shape[0],
        x_size=axes(x.shape[1:-1], 1),
        out_size=axes(out.shape[1:-1], 1),
        kernel=axes(kernel, 1),
        stride=axes(stride, 1),
        padding=axes(padding, 0),
        dilation=axes(dilation, 1),
        x_stride=strides(x),
        out_stride=strides(out),
    )


def _run(arguments: ctypes.Structure, multiplier: Tensor, x_zero: int, zero: int, low: int, high: int) -> None:
    multiplier = multiplier.contiguous()
    arguments.multiplier = multiplier.data_ptr()
    arguments.x_zero, arguments.zero, arguments.low, arguments.high = x_zero, zero, low, high
    arguments.threads = torch.get_num_threads()
    library.call("conv", arguments)
