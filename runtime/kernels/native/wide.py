"""Sums of products of float32 on integers of 16 bits, by the native kernels: both codes of 8 in one product.

The codes are twice the batch of a layer on codes of 8 bits, whose zero is 128; their sums are joined afterwards.
"""

import ctypes
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from runtime.kernels.layout import channels_last, empty_channels_last
from runtime.kernels.native import abi, library
from runtime.kernels.native.convolution import conv_arguments, conv_phases
from runtime.kernels.native.products import images, run
from runtime.kernels.native.scales import inverse
from runtime.kernels.native.weights import Packed, cached
from runtime.kernels.sizes import convolved, transposed

__all__ = ["conv_transpose_wide", "conv_wide", "linear_wide"]

WIDE_ZERO = 128
_FEW_ROWS = 8
"""For which an instruction set may lay weights out in another way."""


def linear_wide(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, scale: float) -> Tensor:
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    sums = torch.empty(2, rows.shape[0], weight.shape[0])
    out = torch.empty(*x.shape[:-1], weight.shape[0])
    codes = _widened(rows, scale)
    library.call("conv", wide_product(codes, weight, multiplier.contiguous(), sums.flatten(0, 1)))
    return _joined(sums, bias, out)


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
    size = convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    geometry = (stride, padding, dilation, groups)

    def products(codes: Tensor, sums: Tensor) -> Iterator[ctypes.Structure]:
        yield conv_arguments(sums, channels_last(codes), weight, None, WIDE_ZERO, *geometry)

    return _convolved(x, bias, multiplier, scale, weight.shape[0], size, products)


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
    size = transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    geometry = (stride, padding, dilation, groups)

    def products(codes: Tensor, sums: Tensor) -> Iterator[ctypes.Structure]:
        return conv_phases(sums, codes, weight, None, WIDE_ZERO, *geometry)

    return _convolved(x, bias, multiplier, scale, weight.shape[1] * groups, size, products)


def wide_product(codes: Tensor, weight: Tensor, multiplier: Tensor, sums: Tensor) -> ctypes.Structure:
    """The arguments of the product of both codes of numbers of 16 bits with a linear layer's weights."""
    few = sums.shape[0] <= _FEW_ROWS  # many calls have so many, and what is packed for few suits few alone
    packed = cached(weight, None, (1, WIDE_ZERO, few), lambda: Packed(weight, None, 1, WIDE_ZERO, rows=sums.shape[0]))
    rows, out = codes.unsqueeze(1), sums.unsqueeze(1)
    arguments = images(packed, rows, out, [1], [1], [0], [1])
    arguments.multiplier, arguments.threads = multiplier.data_ptr(), torch.get_num_threads()
    arguments.x_zero, arguments.high = WIDE_ZERO, 255
    return arguments


def _convolved(
    x: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    scale: float,
    columns: int,
    size: Sequence[int],
    products: Callable[[Tensor, Tensor], Iterator[ctypes.Structure]],
) -> Tensor:
    codes = _widened(channels_last(x).contiguous(), scale).movedim(-1, 1)
    sums = empty_channels_last(2 * x.shape[0], columns, size, torch.float32)
    for arguments in products(codes, sums):
        run(arguments, multiplier, WIDE_ZERO, 0, 0, 255)
    out = empty_channels_last(x.shape[0], columns, size, torch.float32)
    return _joined(channels_last(sums), bias, channels_last(out)).movedim(-1, 1)


def _widened(x: Tensor, scale: float) -> Tensor:
    """The high codes of all that lies in `x`, and behind them the low ones."""
    codes = torch.empty(2 * x.shape[0], *x.shape[1:], dtype=torch.uint8)
    arguments = abi.arguments("widen")(
        x=x.data_ptr(),
        out=codes.data_ptr(),
        length=x.numel(),
        inverse_scale=inverse(scale),
        threads=torch.get_num_threads(),
    )
    library.call("widen", arguments)
    return codes


def _joined(sums: Tensor, bias: Tensor | None, out: Tensor) -> Tensor:
    """`sums` are those of the high codes and behind them those of the low ones; `out` has their channels last."""
    bias, half = None if bias is None else bias.contiguous(), len(sums) // 2
    arguments = abi.arguments("joined")(
        high=sums[:half].data_ptr(),
        low=sums[half:].data_ptr(),
        bias=None if bias is None else bias.data_ptr(),
        out=out.data_ptr(),
        rows=out.numel() // max(out.shape[-1], 1),
        columns=out.shape[-1],
        threads=torch.get_num_threads(),
    )
    library.call("joined", arguments)
    return out
