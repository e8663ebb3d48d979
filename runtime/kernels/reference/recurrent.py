"""A recurrent layer in one direction: the hidden state's product in int8, with 16 bits; gates and states in float32.

The input's share of the gates does not depend on the state: it is one product over the whole sequence, before.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from runtime.kernels.reference.wide import linear_wide

__all__ = ["gru", "lstm", "rnn"]


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
    """The hidden state after each step, and the last cell; gates lie in torch's order: input, forget, cell, output."""

    def step(given: Tensor, product: Tensor, hidden: Tensor) -> Tensor:
        nonlocal cell
        admit, forget, candidate, emit = (given + product).chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(admit) * torch.tanh(candidate)
        return torch.sigmoid(emit) * torch.tanh(cell)

    return _walked(gates, hidden, weight, bias, multiplier, scale, reverse, step), cell.clone()


def gru(
    gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor, scale: float, reverse: bool
) -> Tensor:
    """The state after each step; gates lie in torch's order: reset, update, new."""

    def step(given: Tensor, product: Tensor, state: Tensor) -> Tensor:
        x_reset, x_update, x_new = given.chunk(3, -1)
        h_reset, h_update, h_new = product.chunk(3, -1)
        update = torch.sigmoid(x_update + h_update)
        candidate = torch.tanh(x_new + torch.sigmoid(x_reset + h_reset) * h_new)
        return (1 - update) * candidate + update * state

    return _walked(gates, hidden, weight, bias, multiplier, scale, reverse, step)


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
    """The state after each step."""

    def step(given: Tensor, product: Tensor, state: Tensor) -> Tensor:
        return torch.relu(given + product) if relu else torch.tanh(given + product)

    return _walked(gates, hidden, weight, bias, multiplier, scale, reverse, step)


def _walked(
    gates: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    multiplier: Tensor,
    scale: float,
    reverse: bool,
    step: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Tensor:
    outputs = []
    for given in reversed(gates.unbind(0)) if reverse else gates.unbind(0):
        hidden = step(given, linear_wide(hidden, weight, bias, multiplier, scale), hidden)
        outputs.append(hidden)
    return torch.stack(outputs[::-1] if reverse else outputs)
