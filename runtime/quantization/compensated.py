"""Rounding of a weight's columns one after another, each making up for the errors of those before it.

What columns are multiplied with goes together: an error of one can be taken back by others, as far as the data are
alike. This is the method of GPTQ (Frantar et al., 2022), with the columns of the largest inputs first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.quantization.arithmetic import QParams

_DAMPING = 1e-3
"""Of the inputs' mean power, added to each: what the data leave open is rounded as if it were noise."""


def compensated(weight: Tensor, params: QParams, rows: Tensor) -> Tensor:
    """The integers of a matrix whose grid is one of its rows each, for `rows` of what it is multiplied with."""
    inputs = rows.double()
    power = inputs.T @ inputs / len(inputs)
    mean = power.diagonal().mean()
    if not mean > 0:
        power, mean = torch.eye(len(power), dtype=power.dtype), torch.ones((), dtype=power.dtype)
    power += _DAMPING * mean * torch.eye(len(power), dtype=power.dtype)
    order = power.diagonal().argsort(descending=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(power[order][:, order]))
    shares = torch.linalg.cholesky(inverse, upper=True)
    left, integers = (weight.double() / params.scale.double().reshape(-1, 1))[:, order], torch.empty(weight.shape)
    for column in range(weight.shape[1]):
        number = left[:, column].round().clamp(params.grid.low, params.grid.high)
        integers[:, column] = number
        error = (left[:, column] - number) / shares[column, column]
        left[:, column:] -= error.unsqueeze(1) * shares[column, column:]
    return integers[:, order.argsort()]
