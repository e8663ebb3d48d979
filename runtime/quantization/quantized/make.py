"""The quantized module for each kind of module."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from rewriter.torch_api.traits import Trait
from runtime.quantization.arithmetic import QParams
from runtime.quantization.fusion import affine_of
from runtime.quantization.kinds import Kind
from runtime.quantization.known import has
from runtime.quantization.quantized.averages import QuantizedAverage
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Carried, QuantizedEmbedding, QuantizedInner, QuantizedPReLU
from runtime.quantization.quantized.pointwise import QuantizedAdd, QuantizedJoin, QuantizedMatmul, QuantizedMul
from runtime.quantization.quantized.sums import QuantizedSum

_OTHERS: dict[Kind, type[QuantizedModule]] = {
    Kind.JOIN: QuantizedJoin,
    Kind.AVERAGE: QuantizedAverage,
    Kind.INNER: QuantizedInner,
    Kind.CARRY: Carried,
}


def make_quantized(
    module: nn.Module, kind: Kind, output: QParams | None, weight_bits: int | None, channels: bool
) -> QuantizedModule:
    """What stands in the place of `module`; it has still to be configured. Without `weight_bits` weights stay real."""
    if kind is Kind.SUM:
        return QuantizedInner(module) if weight_bits is None else QuantizedSum(module, weight_bits, channels)
    if kind is Kind.NORM:
        assert isinstance(module, _BatchNorm)
        return QuantizedSum(as_convolution(module), 8, channels=True)
    if kind is Kind.EMBEDDING:
        assert isinstance(module, nn.Embedding) and output is not None
        return QuantizedEmbedding(module, output)
    if kind is Kind.OPERANDS:
        if has(module, Trait.SUM | Trait.DIFFERENCE):
            return QuantizedAdd(module)
        return QuantizedMul(module) if has(module, Trait.PRODUCT) else QuantizedMatmul(module)
    if kind is Kind.INNER and isinstance(module, nn.PReLU) and module.num_parameters > 1:
        return QuantizedPReLU(module)
    return _OTHERS[kind](module)


def as_convolution(norm: _BatchNorm) -> nn.Module:
    """What a batch normalization does in eval mode, as a convolution of each channel with one number."""
    beyond_one = nn.Conv2d if isinstance(norm, nn.BatchNorm2d) else nn.Conv3d
    kind = nn.Conv1d if isinstance(norm, nn.BatchNorm1d) else beyond_one
    convolution = kind(norm.num_features, norm.num_features, 1, groups=norm.num_features)
    factor, shift = affine_of(norm)
    with torch.no_grad():
        convolution.weight.copy_(factor.reshape(convolution.weight.shape))
        convolution.bias.copy_(shift)  # type: ignore[union-attr]
    return convolution
