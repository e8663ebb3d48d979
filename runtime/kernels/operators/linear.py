"""Operators that sum products."""

from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels import checks, sizes
from runtime.kernels.dispatch import implementation
from runtime.kernels.layout import empty_channels_last
from runtime.kernels.operators.register import operator

__all__ = ["conv", "conv_add", "conv_float", "conv_transpose", "conv_transpose_float"]
__all__ += ["linear", "linear_float", "matmul"]


def _fake_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *rest: object,
) -> Tensor:
    size = sizes.convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return empty_channels_last(x.shape[0], weight.shape[0], size)


@operator(_fake_conv)
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    low: int = 0,
    high: int = 255,
    negative: Tensor | None = None,
) -> Tensor:
    _check_conv(x, weight, bias, multiplier, stride, padding, dilation, groups)
    checks.floats("negative", negative, [weight.shape[0]])
    checks.code_range(low, high, x_zero=x_zero, out_zero=out_zero)
    result: Tensor = implementation().conv(
        x, weight, bias, multiplier, x_zero, out_zero, stride, padding, dilation, groups, low, high, negative
    )
    return result


def fake_conv_float(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    size = sizes.convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return empty_channels_last(x.shape[0], weight.shape[0], size, torch.float32)


@operator(fake_conv_float)
def conv_float(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    _check_conv(x, weight, bias, multiplier, stride, padding, dilation, groups)
    checks.code_range(0, 255, x_zero=x_zero)
    geometry = (stride, padding, dilation, groups)
    result: Tensor = implementation().conv_float(x, weight, bias, multiplier, x_zero, *geometry)
    return result


@operator(_fake_conv)
def conv_add(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    conv_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    conv_low: int,
    conv_high: int,
    other: Tensor,
    conv_multiplier: float,
    other_multiplier: float,
    other_zero: int,
    out_zero: int,
    low: int = 0,
    high: int = 255,
) -> Tensor:
    _check_conv(x, weight, bias, multiplier, stride, padding, dilation, groups)
    checks.codes("other", other)
    expected = [x.shape[0], weight.shape[0], *sizes.convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation)]
    if list(other.shape) != expected:
        raise ValueError(f"other must have the convolution's output shape {expected}, not {list(other.shape)}")
    checks.code_range(conv_low, conv_high, x_zero=x_zero, conv_zero=conv_zero, other_zero=other_zero)
    checks.code_range(low, high, out_zero=out_zero)
    checks.scale(conv_multiplier=conv_multiplier, other_multiplier=other_multiplier)
    first = (x, weight, bias, multiplier, x_zero, conv_zero, stride, padding, dilation, groups, conv_low, conv_high)
    second = (other, conv_multiplier, other_multiplier, other_zero, out_zero, low, high)
    result: Tensor = implementation().conv_add(*first, *second)
    return result


def _fake_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    *rest: object,
) -> Tensor:
    size = sizes.transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    return empty_channels_last(x.shape[0], weight.shape[1] * groups, size)


@operator(_fake_transpose)
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    out_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    low: int = 0,
    high: int = 255,
    negative: Tensor | None = None,
) -> Tensor:
    geometry = (stride, padding, output_padding, dilation, groups)
    _check_transpose(x, weight, bias, multiplier, *geometry)
    checks.floats("negative", negative, [weight.shape[1] * groups])
    checks.code_range(low, high, x_zero=x_zero, out_zero=out_zero)
    result: Tensor = implementation().conv_transpose(
        x, weight, bias, multiplier, x_zero, out_zero, *geometry, low, high, negative
    )
    return result


def fake_transpose_float(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    size = sizes.transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation)
    return empty_channels_last(x.shape[0], weight.shape[1] * groups, size, torch.float32)


@operator(fake_transpose_float)
def conv_transpose_float(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    geometry = (stride, padding, output_padding, dilation, groups)
    _check_transpose(x, weight, bias, multiplier, *geometry)
    checks.code_range(0, 255, x_zero=x_zero)
    result: Tensor = implementation().conv_transpose_float(x, weight, bias, multiplier, x_zero, *geometry)
    return result


def _fake_linear(x: Tensor, weight: Tensor, *rest: object) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


@operator(_fake_linear)
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
    _check_linear(x, weight, bias, multiplier)
    checks.floats("negative", negative, [weight.shape[0]])
    checks.code_range(low, high, x_zero=x_zero, out_zero=out_zero)
    result: Tensor = implementation().linear(x, weight, bias, multiplier, x_zero, out_zero, low, high, negative)
    return result


def fake_linear_float(x: Tensor, weight: Tensor, *rest: object) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0], dtype=torch.float32)


@operator(fake_linear_float)
def linear_float(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, x_zero: int) -> Tensor:
    _check_linear(x, weight, bias, multiplier)
    checks.code_range(0, 255, x_zero=x_zero)
    result: Tensor = implementation().linear_float(x, weight, bias, multiplier, x_zero)
    return result


def _fake_matmul(a: Tensor, b: Tensor, *rest: object) -> Tensor:
    batch = sizes.broadcast(a.shape[:-2], b.shape[:-2])
    return a.new_empty(*batch, a.shape[-2], b.shape[-1])


@operator(_fake_matmul)
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
    checks.codes("a", a)
    checks.codes("b", b)
    if a.dim() < 2 or b.dim() < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"a and b must be (..., m, k) and (..., k, n), not {tuple(a.shape)} and {tuple(b.shape)}")
    if a.shape[-1] == 0:
        raise ValueError(f"a and b must have something to sum, not {tuple(a.shape)} and {tuple(b.shape)}")
    checks.code_range(low, high, a_zero=a_zero, b_zero=b_zero, out_zero=out_zero)
    checks.scale(multiplier=multiplier)
    result: Tensor = implementation().matmul(a, b, multiplier, a_zero, b_zero, out_zero, low, high)
    return result


def _check_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> None:
    checks.codes("x", x)
    check_conv_shapes(x, weight, bias, multiplier, stride, padding, dilation, groups)


def check_conv_shapes(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> None:
    checks.images(x, weight, groups, weight.shape[1] * groups)
    checks.geometry(x.dim() - 2, stride=stride, padding=padding, dilation=dilation)
    checks.weights(weight, bias, multiplier, weight.shape[0])
    checks.sizes(sizes.convolved(x.shape[2:], weight.shape[2:], stride, padding, dilation), x)


def _check_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> None:
    checks.codes("x", x)
    check_transpose_shapes(x, weight, bias, multiplier, stride, padding, output_padding, dilation, groups)


def check_transpose_shapes(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> None:
    checks.images(x, weight, groups, weight.shape[0])
    checks.geometry(x.dim() - 2, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation)
    checks.weights(weight, bias, multiplier, weight.shape[1] * groups)
    checks.sizes(sizes.transposed(x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation), x)


def _check_linear(x: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor) -> None:
    checks.codes("x", x)
    check_linear_shapes(x, weight)
    checks.weights(weight, bias, multiplier, weight.shape[0])


def check_linear_shapes(x: Tensor, weight: Tensor) -> None:
    if weight.dim() != 2 or x.dim() < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"x and weight must be (..., in) and (out, in), not {tuple(x.shape)} and {tuple(weight.shape)}"
        )
