"""Convolutions, by the native kernels."""

import ctypes
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from runtime.kernels.layout import channels_last, empty_channels_last, strides
from runtime.kernels.native.phases import phases
from runtime.kernels.native.products import images, row_count, run
from runtime.kernels.native.weights import Packed, cached
from runtime.kernels.sizes import convolved, transposed

__all__ = ["conv", "conv_add", "conv_float", "conv_transpose", "conv_transpose_float"]

_FEW_CHANNELS = 16


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
    out = _empty_output(x, weight, stride, padding, dilation)
    moved = channels_last(x)
    arguments = conv_arguments(out, moved, weight, bias, x_zero, stride, padding, dilation, groups)
    run(arguments, multiplier, x_zero, out_zero, low, high, negative)
    return out


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
    out = _empty_output(x, weight, stride, padding, dilation, torch.float32)
    moved = channels_last(x)
    arguments = conv_arguments(out, moved, weight, bias, x_zero, stride, padding, dilation, groups)
    run(arguments, multiplier, x_zero, 0, 0, 255)
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
    arguments = images(packed, moved, channels_last(out), weight.shape[2:], stride, padding, dilation)
    arguments.other = beside.data_ptr()
    arguments.other_stride = strides(beside)
    arguments.self_multiplier, arguments.other_multiplier = conv_multiplier, other_multiplier
    arguments.other_zero, arguments.sum_zero = other_zero, out_zero
    arguments.sum_low, arguments.sum_high = low, high
    run(arguments, multiplier, x_zero, conv_zero, conv_low, conv_high)
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
    negative: Tensor | None = None,
) -> Tensor:
    size = transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    out = empty_channels_last(x.shape[0], weight.shape[1] * groups, size)
    for arguments in conv_phases(out, x, weight, bias, x_zero, stride, padding, dilation, groups):
        run(arguments, multiplier, x_zero, out_zero, low, high, negative)
    return out


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
    size = transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    out = empty_channels_last(x.shape[0], weight.shape[1] * groups, size, torch.float32)
    for arguments in conv_phases(out, x, weight, bias, x_zero, stride, padding, dilation, groups):
        run(arguments, multiplier, x_zero, 0, 0, 255)
    return out


def conv_arguments(
    out: Tensor,
    moved: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> ctypes.Structure:
    """They point to `moved`, which has its channels last, and hold nothing."""
    along = _line(moved, weight.shape[2:], padding, dilation) if groups == 1 else None
    if along is None:
        packed = _packed(weight, bias, groups, x_zero, stride, dilation, out)
        return images(packed, moved, channels_last(out), weight.shape[2:], stride, padding, dilation)
    packed = cached(weight, bias, ("line", x_zero), lambda: _packed_line(weight, bias, x_zero, out))
    windows, places = _windows(moved, along, weight, stride), channels_last(out).flatten(1, -2)
    return images(packed, windows, places, [1], [1], [0], [1])


def conv_phases(
    out: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Iterator[ctypes.Structure]:
    """A convolution for each share of the outputs that lie `stride` apart."""
    geometry = (groups, x_zero, *stride, *padding, *dilation)
    parts = cached(weight, bias, geometry, lambda: phases(weight, bias, x_zero, stride, padding, dilation, groups))
    moved, ones = channels_last(x), [1] * len(stride)
    for part in parts:
        steps = [slice(first, None, step) for first, step in zip(part.first, stride, strict=True)]
        places = (slice(None), *steps)
        share = channels_last(out)[places]
        yield images(part.packed, moved, share, part.kernel, ones, part.padding, part.dilation)


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
        weight, bias, (groups, x_zero, plain), lambda: Packed(weight, bias, groups, x_zero, plain, row_count(out, 1))
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
    return Packed(weight.movedim(1, -1).reshape(len(weight), -1, 1), bias, 1, x_zero, rows=row_count(out, 1))


def _empty_output(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    dtype: torch.dtype = torch.uint8,
) -> Tensor:
    size = convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return empty_channels_last(x.shape[0], weight.shape[0], size, dtype)
