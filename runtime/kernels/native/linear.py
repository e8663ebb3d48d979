"""Linear layers and products of two activations, by the native kernels."""

import ctypes
import math

import torch
from torch import Tensor

from runtime.kernels.layout import int64s
from runtime.kernels.native import abi, library
from runtime.kernels.native.products import images, row_count, run
from runtime.kernels.native.scales import inverse
from runtime.kernels.native.weights import Packed, cached
from runtime.kernels.sizes import broadcast

__all__ = ["linear", "linear_float", "linear_wide", "matmul"]

_FEW_ROWS = 8
"""For which an instruction set may lay weights out in another way."""


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
    out = torch.empty(*x.shape[:-1], weight.shape[0], dtype=torch.uint8)
    packed, rows = _packed_linear(weight, bias, x_zero, out), x.reshape(-1, 1, x.shape[-1]).contiguous()
    arguments = images(packed, rows, out.view(-1, 1, weight.shape[0]), [1], [1], [0], [1])
    run(arguments, multiplier, x_zero, out_zero, low, high, negative)
    return out


def linear_float(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, x_zero: int) -> Tensor:
    out = torch.empty(*x.shape[:-1], weight.shape[0], dtype=torch.float32)
    packed, rows = _packed_linear(weight, bias, x_zero, out), x.reshape(-1, 1, x.shape[-1]).contiguous()
    arguments = images(packed, rows, out.view(-1, 1, weight.shape[0]), [1], [1], [0], [1])
    run(arguments, multiplier, x_zero, 0, 0, 255)
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
    arguments = images(packed, rows, out, [1], [1], [0], [1])
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


def _packed_linear(weight: Tensor, bias: Tensor | None, x_zero: int, out: Tensor) -> Packed:
    return cached(weight, bias, (1, x_zero), lambda: Packed(weight, bias, 1, x_zero, rows=row_count(out, -1)))
