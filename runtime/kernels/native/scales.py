"""Between float32 and codes, by the native kernels."""

import torch
from torch import Tensor

from runtime.kernels.native import abi, library
from runtime.kernels.reference.scales import float32

__all__ = ["quantize"]


def inverse(scale: float) -> float:
    """The inverse of the scale as float32 arithmetic has it."""
    return float(1 / float32(scale))


def quantize(x: Tensor, scale: float, zero: int) -> Tensor:
    x = x.to(torch.float32)
    out = torch.empty_like(x, dtype=torch.uint8)
    source = x if x.stride() == out.stride() else torch.empty_like(out, dtype=torch.float32).copy_(x)
    arguments = abi.arguments("quantize")(
        x=source.data_ptr(),
        out=out.data_ptr(),
        length=x.numel(),
        inverse_scale=inverse(scale),
        zero=zero,
        threads=torch.get_num_threads(),
    )
    library.call("quantize", arguments)
    return out
