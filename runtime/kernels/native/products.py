"""One call of the kernel that sums products with weights: which inputs meet which, and what becomes of the sums."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels.layout import axes, strides
from runtime.kernels.native import abi, library
from runtime.kernels.native.weights import Packed


def row_count(out: Tensor, columns: int) -> int:
    """How many outputs there are, each over all channels."""
    return out.numel() // max(out.shape[columns], 1)


def images(
    packed: Packed,
    x: Tensor,
    out: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> ctypes.Structure:
    """The part of the arguments that says which inputs meet which weights; `x` and `out` have their channels last.

    An output in floating point is given the sums times the multiplier, unrounded.
    """
    return abi.arguments("conv")(
        weight=packed.handle,
        x=x.data_ptr(),
        **{"out_float" if out.is_floating_point() else "out": out.data_ptr()},
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


def run(
    arguments: ctypes.Structure,
    multiplier: Tensor,
    x_zero: int,
    zero: int,
    low: int,
    high: int,
    negative: Tensor | None = None,
) -> None:
    multiplier = multiplier.contiguous()
    arguments.multiplier = multiplier.data_ptr()
    if negative is not None:
        negative = negative.contiguous()
        arguments.negative = negative.data_ptr()
    arguments.x_zero, arguments.zero, arguments.low, arguments.high = x_zero, zero, low, high
    arguments.threads = torch.get_num_threads()
    library.call("conv", arguments)
