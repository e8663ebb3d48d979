"""Softmax and layer norm, by the native kernels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels.native import abi, library
from runtime.kernels.native.scales import inverse

__all__ = ["layer_norm", "softmax"]


def softmax(x: Tensor, dim: int, scale: float, out_scale: float, out_zero: int) -> Tensor:
    rows = x.movedim(dim, -1).contiguous()
    out = torch.empty_like(rows)
    length = rows.shape[-1]
    arguments = abi.arguments("softmax")(
        x=rows.data_ptr(),
        out=out.data_ptr(),
        rows=rows.numel() // max(length, 1),
        length=length,
        scale=scale,
        inverse_out_scale=inverse(out_scale),
        zero=out_zero,
        threads=torch.get_num_threads(),
    )
    library.call("softmax", arguments)
    return out.movedim(-1, dim)


def layer_norm(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    scale: float,
    zero: int,
    out_scale: float,
    out_zero: int,
) -> Tensor:
    rows = x.contiguous()
    out = torch.empty_like(rows)
    length = math.prod(shape)
    weight, bias = (None if affine is None else affine.contiguous() for affine in (weight, bias))
    arguments = abi.arguments("layer_norm")(
        x=rows.data_ptr(),
        out=out.data_ptr(),
        weight=None if weight is None else weight.data_ptr(),
        bias=None if bias is None else bias.data_ptr(),
        rows=rows.numel() // max(length, 1),
        length=length,
        eps=eps,
        scale=scale,
        inverse_out_scale=inverse(out_scale),
        x_zero=zero,
        zero=out_zero,
        threads=torch.get_num_threads(),
    )
    library.call("layer_norm", arguments)
    return out
