"""One step of an LSTM or a GRU: the hidden product in int8, the gates and the carried state in float32.

The input's share of the gates does not depend on the state: it is one `linear_float` over the whole sequence, before.
"""

import torch
from torch import Tensor

from runtime.kernels.reference.linear import linear_float
from runtime.kernels.reference.scales import quantize

__all__ = ["gru_step", "lstm_step"]


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
    """The next hidden state (uint8) and cell (float32); gates lie in torch's order: input, forget, cell, output."""
    total = gates + linear_float(hidden, weight, bias, multiplier, hidden_zero)
    admit, forget, candidate, emit = total.chunk(4, -1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(admit) * torch.tanh(candidate)
    return quantize(torch.sigmoid(emit) * torch.tanh(cell), hidden_scale, hidden_zero), cell


def gru_step(
    gates: Tensor,
    state: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    hidden_scale: float,
    hidden_zero: int,
) -> Tensor:
    """The next state (float32), which enters the product as uint8; gates lie in torch's order: reset, update, new."""
    hidden = linear_float(quantize(state, hidden_scale, hidden_zero), weight, bias, multiplier, hidden_zero)
    x_reset, x_update, x_new = gates.chunk(3, -1)
    h_reset, h_update, h_new = hidden.chunk(3, -1)
    update = torch.sigmoid(x_update + h_update)
    candidate = torch.tanh(x_new + torch.sigmoid(x_reset + h_reset) * h_new)
    return (1 - update) * candidate + update * state
