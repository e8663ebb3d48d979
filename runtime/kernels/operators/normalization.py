"""Operators with float32 arithmetic inside: within one code of the reference."""

from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels import checks
from runtime.kernels.dispatch import implementation
from runtime.kernels.operators.register import operator

__all__ = ["gru_step", "layer_norm", "lstm_step", "softmax"]


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


def _fake_lstm(gates: Tensor, hidden: Tensor, cell: Tensor, *rest: object) -> tuple[Tensor, Tensor]:
    return cell.new_empty(cell.shape, dtype=torch.uint8), cell.new_empty(cell.shape)


@operator(_fake_lstm)
def lstm_step(
    gates: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    hidden_scale: float,
    hidden_zero: int,
) -> tuple[Tensor, Tensor]:
    checks.codes("hidden", hidden)
    checks.floats("cell", cell, hidden.shape)
    _check_gates(gates, hidden, weight, bias, multiplier, 4)
    checks.scale(hidden_scale=hidden_scale)
    checks.code_range(0, 255, hidden_zero=hidden_zero)
    result: tuple[Tensor, Tensor] = implementation().lstm_step(
        gates, hidden, cell, weight, bias, multiplier, hidden_scale, hidden_zero
    )
    return result


def _fake_gru(gates: Tensor, state: Tensor, *rest: object) -> Tensor:
    return state.new_empty(state.shape)


@operator(_fake_gru)
def gru_step(
    gates: Tensor,
    state: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    hidden_scale: float,
    hidden_zero: int,
) -> Tensor:
    checks.floats("state", state, state.shape)
    _check_gates(gates, state, weight, bias, multiplier, 3)
    checks.scale(hidden_scale=hidden_scale)
    checks.code_range(0, 255, hidden_zero=hidden_zero)
    result: Tensor = implementation().gru_step(gates, state, weight, bias, multiplier, hidden_scale, hidden_zero)
    return result


def _check_gates(
    gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor | None, multiplier: Tensor, count: int
) -> None:
    """Gates from the input and weights for the state both have `count` times the size of the state."""
    size = state.shape[-1]
    checks.floats("gates", gates, [*state.shape[:-1], count * size])
    if tuple(weight.shape) != (count * size, size):
        raise ValueError(f"weight must be {(count * size, size)} for a state of {size}, not {tuple(weight.shape)}")
    checks.weights(weight, bias, multiplier, count * size)
