"""Recurrent layers as operators: float32 inside, within some units in the last place of the reference."""

from torch import Tensor

from runtime.kernels import checks
from runtime.kernels.dispatch import implementation
from runtime.kernels.operators.register import operator

__all__ = ["gru", "lstm", "rnn"]


def _states(gates: Tensor, hidden: Tensor) -> Tensor:
    return hidden.new_empty(gates.shape[0], *hidden.shape)


def _fake_lstm(gates: Tensor, hidden: Tensor, cell: Tensor, *rest: object) -> tuple[Tensor, Tensor]:
    return _states(gates, hidden), cell.new_empty(cell.shape)


@operator(_fake_lstm)
def lstm(
    gates: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weight: Tensor,
    bias: Tensor,
    multiplier: Tensor,
    scale: float,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    _check(gates, hidden, weight, bias, multiplier, scale, 4)
    checks.floats("cell", cell, hidden.shape)
    result: tuple[Tensor, Tensor] = implementation().lstm(gates, hidden, cell, weight, bias, multiplier, scale, reverse)
    return result


def _fake(gates: Tensor, hidden: Tensor, *rest: object) -> Tensor:
    return _states(gates, hidden)


@operator(_fake)
def gru(
    gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor, scale: float, reverse: bool
) -> Tensor:
    _check(gates, hidden, weight, bias, multiplier, scale, 3)
    result: Tensor = implementation().gru(gates, hidden, weight, bias, multiplier, scale, reverse)
    return result


@operator(_fake)
def rnn(
    gates: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    multiplier: Tensor,
    scale: float,
    relu: bool,
    reverse: bool,
) -> Tensor:
    _check(gates, hidden, weight, bias, multiplier, scale, 1)
    result: Tensor = implementation().rnn(gates, hidden, weight, bias, multiplier, scale, relu, reverse)
    return result


def _check(
    gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor, scale: float, count: int
) -> None:
    """Gates from the input and weights for the state both have `count` times the size of the state."""
    if gates.dim() != 3 or hidden.dim() != 2 or gates.shape[0] < 1:
        raise ValueError(
            f"gates and hidden must be (steps, batch, gates) and (batch, size), with one step at least, "
            f"not {tuple(gates.shape)} and {tuple(hidden.shape)}"
        )
    size = hidden.shape[-1]
    checks.floats("hidden", hidden, hidden.shape)
    checks.floats("gates", gates, [gates.shape[0], hidden.shape[0], count * size])
    if tuple(weight.shape) != (count * size, size):
        raise ValueError(f"weight must be {(count * size, size)} for a state of {size}, not {tuple(weight.shape)}")
    checks.weights(weight, None, multiplier, count * size)
    checks.floats("bias", bias, [count * size])
    checks.scale(scale=scale)
