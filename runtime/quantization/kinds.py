"""What becomes of each kind of module in post-training quantization."""

from __future__ import annotations

import enum

from torch import nn

import runtime.modules as wrappers
from runtime.quantization.known import is_a
from runtime.quantization.placement import MOVING, RECTIFIERS
from runtime.quantization.quantized.averages import AVERAGES
from runtime.quantization.quantized.sums import is_sum


class Kind(enum.Enum):
    SUM = "weights and sums on integers"
    NORM = "a batch normalization by itself, which is a convolution of each channel"
    EMBEDDING = "rows of integers"
    OPERANDS = "two operands on integers"
    JOIN = "several operands moved to one grid"
    AVERAGE = "sums on integers"
    INNER = "floating point between integers: a table, or a softmax or layer norm"
    CARRY = "gives the integers that it is given"
    FLOAT = "stays in floating point"


_OPERANDS = (wrappers.EltWiseAdd, wrappers.EltWiseSub, wrappers.EltWiseMult, wrappers.Matmul)
_PRODUCTS = (wrappers.BatchMatmul, wrappers.MM)
_WITH_A_NUMBER = (wrappers.EltWiseDiv, wrappers.Pow)
_JOINS = (
    wrappers.Concat,
    wrappers.Stack,
    wrappers.HStack,
    wrappers.VStack,
    wrappers.DStack,
    wrappers.Maximum,
    wrappers.Minimum,
)
_TABLES = (
    nn.Sigmoid,
    nn.Tanh,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.Softplus,
    nn.Softsign,
    nn.LogSigmoid,
    nn.Hardtanh,
    nn.Hardshrink,
    nn.Softshrink,
    nn.Tanhshrink,
    nn.Threshold,
    wrappers.FunctionalSigmoid,
    wrappers.FunctionalTanh,
    wrappers.FunctionalGELU,
    wrappers.FunctionalSiLU,
    wrappers.FunctionalHardswish,
    wrappers.FunctionalHardsigmoid,
    wrappers.FunctionalLeakyReLU,
    wrappers.FunctionalELU,
    wrappers.Neg,
    wrappers.Abs,
    wrappers.Square,
)
_WITHIN = (nn.Softmax, nn.LayerNorm, wrappers.FunctionalSoftmax, wrappers.FunctionalLayerNorm)
_CARRIERS = (*MOVING, *RECTIFIERS, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d)
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def kind_of(module: nn.Module, tensors: int) -> Kind:
    """What becomes of `module`, which is called with so many floating-point tensors, if the model lets it."""
    if is_sum(module):
        return Kind.SUM
    if is_a(module, _OPERANDS + _PRODUCTS):
        # With a number for the other operand it is a function of one tensor.
        plain = not getattr(module, "fixed", None)
        return {1: Kind.INNER, 2: Kind.OPERANDS if plain else Kind.INNER}.get(tensors, Kind.FLOAT)
    if is_a(module, _WITH_A_NUMBER):
        return Kind.INNER if tensors == 1 else Kind.FLOAT
    if is_a(module, _NORMS) and module.running_mean is not None:
        return Kind.NORM
    if is_a(module, nn.PReLU) and module.num_parameters == 1:
        return Kind.INNER
    if type(module) is nn.Embedding and module.max_norm is None:
        return Kind.EMBEDDING
    for kinds, kind in (
        (_CARRIERS, Kind.CARRY),  # before tables: ReLU6 is a Hardtanh
        (_JOINS, Kind.JOIN),
        (AVERAGES, Kind.AVERAGE),
        (_TABLES + _WITHIN, Kind.INNER),
    ):
        if is_a(module, kinds):
            return kind
    return Kind.FLOAT
