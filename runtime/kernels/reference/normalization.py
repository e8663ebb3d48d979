"""Softmax and normalizations: float32 inside, between one dequantization and one quantization."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from runtime.kernels.reference.scales import dequantize, float32, quantize

__all__ = ["layer_norm", "rms_norm", "softmax"]


def softmax(x: Tensor, dim: int, scale: float, out_scale: float, out_zero: int) -> Tensor:
    """Only differences of codes matter, so the input has no zero point here."""
    return quantize(torch.softmax(x.to(torch.float32) * float32(scale), dim), out_scale, out_zero)


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
    normal = F.layer_norm(dequantize(x, scale, zero), tuple(shape), weight, bias, eps)
    return quantize(normal, out_scale, out_zero)


def rms_norm(
    x: Tensor, weight: Tensor | None, eps: float, scale: float, zero: int, out_scale: float, out_zero: int
) -> Tensor:
    """Each row, along the last dimension, over the root of its mean square."""
    normal = F.rms_norm(dequantize(x, scale, zero), x.shape[-1:], weight, eps)
    return quantize(normal, out_scale, out_zero)
