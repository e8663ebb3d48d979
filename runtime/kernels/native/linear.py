"""Linear layers and products of two activations, by the native kernels."""

import ctypes
import math

import torch
from torch import Tensor

from runtime.kernels.layout import int64s
from runtime.kernels.native import abi, library
from runtime.kernels.native.products import images, row_count, run
from runtime.kernels.native.weights import Packed, cached
from runtime.kernels.sizes import broadcast

__all__ = ["linear", "linear_float", "matmul"]


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
