"""Operators with float32 arithmetic inside: within one code of the reference."""

from collections.abc import Sequence

from torch import Tensor

from runtime.kernels import checks
from runtime.kernels.dispatch import implementation
from runtime.kernels.operators.register import operator

__all__ = ["layer_norm", "softmax"]


def _fake_softmax(x: Tensor, dim: int, *rest: object) -> Tensor:
    return x.new_empty(x.movedim(dim, -1).shape).movedim(-1, dim)


@operator(_fake_softmax)
def softmax(x: Tensor, dim: int, scale: float, out_scale: float, out_zero: int) -> Tensor:
    checks.codes("x", x)
    if not -x.dim() <= dim < x.dim():
        raise ValueError(f"a tensor of {x.dim()} dimensions has no dimension {dim}")
    checks.scale(scale=scale, out_scale=out_scale)
    checks.code_range(0, 255, out_zero=out_zero)
    result: Tensor = implementation().softmax(x, dim, scale, out_scale, out_zero)
    return result


def _fake_layer_norm(x: Tensor, *rest: object) -> Tensor:
    return x.new_empty(x.shape)


@operator(_fake_layer_norm)
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
    checks.codes("x", x)
    if not shape or list(x.shape[-len(shape) :]) != list(shape):
        raise ValueError(f"shape must be the last dimensions of {tuple(x.shape)}, not {list(shape)}")
    checks.floats("weight", weight, shape)
    checks.floats("bias", bias, shape)
    checks.scale(scale=scale, out_scale=out_scale)
    checks.code_range(0, 255, zero=zero, out_zero=out_zero)
    result: Tensor = implementation().layer_norm(x, shape, weight, bias, eps, scale, zero, out_scale, out_zero)
    return result
