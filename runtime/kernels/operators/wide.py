"""Operators that sum products of float32 that is put on integers of 16 bits."""

from collections.abc import Sequence

from torch import Tensor

from runtime.kernels import checks
from runtime.kernels.dispatch import implementation
from runtime.kernels.operators.linear import (
    check_conv_shapes,
    check_linear_shapes,
    check_transpose_shapes,
    fake_conv_float,
    fake_linear_float,
    fake_transpose_float,
)
from runtime.kernels.operators.register import operator

__all__ = ["conv_transpose_wide", "conv_wide", "linear_wide"]


@operator(fake_linear_float)
def linear_wide(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, scale: float) -> Tensor:
    check_linear_shapes(x, weight)
    checks.weights(weight, None, multiplier, weight.shape[0])
    _check_numbers(x, bias, weight.shape[0], scale)
    result: Tensor = implementation().linear_wide(x, weight, bias, multiplier, scale)
    return result


@operator(fake_conv_float)
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
    geometry = (stride, padding, dilation, groups)
    check_conv_shapes(x, weight, None, multiplier, *geometry)
    _check_numbers(x, bias, weight.shape[0], scale)
    result: Tensor = implementation().conv_wide(x, weight, bias, multiplier, scale, *geometry)
    return result


@operator(fake_transpose_float)
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
    geometry = (stride, padding, output_padding, dilation, groups)
    check_transpose_shapes(x, weight, None, multiplier, *geometry)
    _check_numbers(x, bias, weight.shape[1] * groups, scale)
    result: Tensor = implementation().conv_transpose_wide(x, weight, bias, multiplier, scale, *geometry)
    return result


def _check_numbers(x: Tensor, bias: Tensor | None, columns: int, scale: float) -> None:
    checks.floats("x", x, x.shape)
    checks.floats("bias", bias, [columns])
    checks.scale(scale=scale)
