"""Operators over windows and dimensions."""

from collections.abc import Sequence

from torch import Tensor

from runtime.kernels import checks
from runtime.kernels.dispatch import implementation
from runtime.kernels.layout import empty_channels_last
from runtime.kernels.operators.register import operator
from runtime.kernels.sizes import pooled

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool", "mean"]


def _fake_max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Tensor:
    return _empty(x, _pooled_sizes(x, kernel, stride, padding, dilation, ceil_mode))


@operator(_fake_max_pool)
def max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Tensor:
    _check_windows(x, kernel, stride, padding, dilation, ceil_mode)
    result: Tensor = implementation().max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    return result


def _fake_adaptive(x: Tensor, size: Sequence[int], *rest: object) -> Tensor:
    return _empty(x, size)


@operator(_fake_adaptive)
def adaptive_max_pool(x: Tensor, size: Sequence[int]) -> Tensor:
    _check_adaptive(x, size)
    result: Tensor = implementation().adaptive_max_pool(x, size)
    return result


def _fake_avg_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    *rest: object,
) -> Tensor:
    return _empty(x, _pooled_sizes(x, kernel, stride, padding, [1] * len(kernel), ceil_mode))


@operator(_fake_avg_pool)
def avg_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    multiplier: float,
    x_zero: int,
    out_zero: int,
) -> Tensor:
    _check_windows(x, kernel, stride, padding, [1] * len(kernel), ceil_mode)
    if divisor_override is not None and divisor_override < 1:
        raise ValueError(f"divisor_override must be at least 1, not {divisor_override}")
    checks.code_range(0, 255, x_zero=x_zero, out_zero=out_zero)
    checks.scale(multiplier=multiplier)
    geometry = (kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    result: Tensor = implementation().avg_pool(x, *geometry, multiplier, x_zero, out_zero)
    return result


@operator(_fake_adaptive)
def adaptive_avg_pool(x: Tensor, size: Sequence[int], multiplier: float, x_zero: int, out_zero: int) -> Tensor:
    _check_adaptive(x, size)
    checks.code_range(0, 255, x_zero=x_zero, out_zero=out_zero)
    checks.scale(multiplier=multiplier)
    result: Tensor = implementation().adaptive_avg_pool(x, size, multiplier, x_zero, out_zero)
    return result


def _fake_mean(x: Tensor, dims: Sequence[int], keepdim: bool, *rest: object) -> Tensor:
    reduced = {dim % x.dim() for dim in dims}
    sizes = enumerate(x.shape)
    return x.new_empty([1 if dim in reduced else size for dim, size in sizes if keepdim or dim not in reduced])


@operator(_fake_mean)
def mean(x: Tensor, dims: Sequence[int], keepdim: bool, multiplier: float, x_zero: int, out_zero: int) -> Tensor:
    checks.codes("x", x)
    reduced = [dim % x.dim() for dim in dims if -x.dim() <= dim < x.dim()]
    if len(set(reduced)) != len(dims) or not dims or any(x.shape[dim] == 0 for dim in reduced):
        raise ValueError(f"dims must name different, non-empty dimensions of shape {tuple(x.shape)}, not {list(dims)}")
    checks.code_range(0, 255, x_zero=x_zero, out_zero=out_zero)
    checks.scale(multiplier=multiplier)
    result: Tensor = implementation().mean(x, dims, keepdim, multiplier, x_zero, out_zero)
    return result


def _empty(x: Tensor, size: Sequence[int]) -> Tensor:
    return empty_channels_last(x.shape[0], x.shape[1], size)


def _pooled_sizes(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> list[int]:
    axes = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    return [pooled(n, k, s, p, d, ceil_mode) for n, k, s, p, d in axes]


def _check_windows(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> None:
    checks.codes("x", x)
    checks.geometry(x.dim() - 2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(f"padding must be at most half the kernel, not {list(padding)} for {list(kernel)}")
    checks.sizes(_pooled_sizes(x, kernel, stride, padding, dilation, ceil_mode), x)


def _check_adaptive(x: Tensor, size: Sequence[int]) -> None:
    checks.codes("x", x)
    checks.geometry(x.dim() - 2, size=size)
    checks.sizes(x.shape[2:], x)
