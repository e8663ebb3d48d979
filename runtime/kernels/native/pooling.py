"""Pooling and means, by the native kernels."""

import ctypes
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels.layout import channels_last, empty_channels_last, int32s, strides
from runtime.kernels.native import abi, library
from runtime.kernels.windows import Windows, adaptive, sliding_axes

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool", "mean"]

_Windows = abi.structs()["windows"]
_WHOLE = Windows((0,), (1,), (1,))
"""The window along an axis that is not there."""


def max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Tensor:
    return _pool(x, sliding_axes(x.shape[2:], kernel, stride, padding, dilation, ceil_mode), abi.arguments("pool")())


def adaptive_max_pool(x: Tensor, size: Sequence[int]) -> Tensor:
    return _pool(x, _adaptive_axes(x, size), abi.arguments("pool")())


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
    axes = sliding_axes(x.shape[2:], kernel, stride, padding, None, ceil_mode, count_include_pad)
    arguments = abi.arguments("pool")(
        average=1, divisor=divisor_override or 0, multiplier=multiplier, x_zero=x_zero, zero=out_zero
    )
    return _pool(x, axes, arguments)


def adaptive_avg_pool(x: Tensor, size: Sequence[int], multiplier: float, x_zero: int, out_zero: int) -> Tensor:
    arguments = abi.arguments("pool")(average=1, multiplier=multiplier, x_zero=x_zero, zero=out_zero)
    return _pool(x, _adaptive_axes(x, size), arguments)


def mean(x: Tensor, dims: Sequence[int], keepdim: bool, multiplier: float, x_zero: int, out_zero: int) -> Tensor:
    """The reduced dimensions become one window, those behind them channels."""
    reduced = sorted(dim % x.dim() for dim in dims)
    kept = [dim for dim in range(x.dim()) if dim not in reduced]
    shape = [1 if dim in reduced else size for dim, size in enumerate(x.shape) if keepdim or dim not in reduced]
    count = math.prod(x.shape[dim] for dim in reduced)
    by_stride = sorted(kept, key=x.stride, reverse=True)
    inner = by_stride[-1:] if by_stride and x.stride(by_stride[-1]) == 1 else []
    outer = [dim for dim in kept if dim not in inner]
    boxes = x.permute(*outer, *reduced, *inner).reshape(-1, count, math.prod(x.shape[dim] for dim in inner))
    arguments = abi.arguments("pool")(average=1, multiplier=multiplier, x_zero=x_zero, zero=out_zero)
    averages = _pool(boxes.movedim(-1, 1), [Windows((0,), (count,), (count,))], arguments)
    sizes = [x.shape[dim] for dim in (*outer, *inner)]
    order = sorted(range(len(kept)), key=lambda i: (*outer, *inner)[i])
    return averages.movedim(1, -1).reshape(sizes).permute(order).reshape(shape).contiguous()


def _adaptive_axes(x: Tensor, size: Sequence[int]) -> list[Windows]:
    return [adaptive(length, outputs) for length, outputs in zip(x.shape[2:], size, strict=True)]


def _pool(x: Tensor, axes: Sequence[Windows], arguments: ctypes.Structure) -> Tensor:
    out = empty_channels_last(x.shape[0], x.shape[1], [len(axis.starts) for axis in axes])
    moved = channels_last(x)
    arguments.x, arguments.out = moved.data_ptr(), out.data_ptr()
    arguments.batch, arguments.channels = x.shape[0], x.shape[1]
    arguments.x_stride, arguments.out_stride = strides(moved), strides(channels_last(out))
    arguments.axis = (_Windows * 3)(*(_native(axis) for axis in ([_WHOLE] * (3 - len(axes)) + list(axes))))
    arguments.threads = torch.get_num_threads()
    library.call("pool", arguments)
    return out


def _native(axis: Windows) -> ctypes.Structure:
    return _Windows(int32s(axis.starts), int32s(axis.ends), int32s(axis.counts), axis.step, len(axis.starts))
