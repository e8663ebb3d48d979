"""What becomes of each kind of module in post-training quantization."""

from __future__ import annotations

import enum

from torch import nn

from rewriter.torch_api.row import Row
from rewriter.torch_api.traits import Trait
from runtime.quantization.contraction import contraction_of
from runtime.quantization.known import OPERANDS, draws, is_a, row_of
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


_BY_TRAIT = {
    Trait.MOVE | Trait.RECTIFIER: Kind.CARRY,  # a rectifier is a table as well, but needs none
    Trait.JOIN: Kind.JOIN,
    Trait.AVERAGE: Kind.AVERAGE,
    Trait.ROWS: Kind.INNER,
}
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def kind_of(module: nn.Module, tensors: int, settled: bool = True, dimensions: int = 0) -> Kind:
    """What becomes of `module`, which is called with so many floating-point tensors, if the model lets it.

    It is `settled` what it does if no call tells it more than its operands. Its results have so many `dimensions` in
    each call, or 0 where they differ.
    """
    row = row_of(module)
    if is_sum(module):
        return Kind.SUM
    if is_a(module, (nn.BatchNorm1d, *_NORMS)) and module.running_mean is not None:
        return Kind.NORM if norm_has_length(module, dimensions) else Kind.FLOAT
    if type(module) is nn.Embedding and module.max_norm is None:
        return Kind.EMBEDDING
    if row is None or draws(module) or (Trait.RANDOM in row.traits and not settled):
        return Kind.FLOAT
    if contraction_of(module) is not None and tensors == 2:
        return Kind.OPERANDS
    kind = kind_of_row(row, tensors)
    if kind is Kind.OPERANDS and getattr(module, "fixed", None):
        return Kind.INNER
    alike = is_a(module, nn.PReLU) or all(parameter.numel() == 1 for parameter in module.parameters())
    table = kind is Kind.INNER and Trait.ROWS not in row.traits and not row.traits & OPERANDS
    return Kind.FLOAT if table and not alike else kind


def kind_of_row(row: Row, tensors: int) -> Kind:
    """What becomes of an operation that has no weights, by what the catalogue says of it."""
    if row.traits & OPERANDS:
        # With a number for the other operand it is a function of one tensor.
        return {1: Kind.INNER, 2: Kind.OPERANDS}.get(tensors, Kind.FLOAT)
    for traits, kind in _BY_TRAIT.items():
        if row.traits & traits:
            return kind
    return Kind.INNER if Trait.TABLE in row.traits and tensors == 1 else Kind.FLOAT


def is_norm(kind: type[nn.Module]) -> bool:
    """Whether it is a class of batch normalizations of a shape that can be a convolution."""
    return kind in (nn.BatchNorm1d, *_NORMS)


def norm_has_length(norm: nn.Module, dimensions: int) -> bool:
    """Whether something lies behind the channels, as a convolution needs it: `BatchNorm1d` does without as well."""
    return dimensions == 3 or not is_a(norm, nn.BatchNorm1d)
