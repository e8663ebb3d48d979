"""Rounding of a weight's columns one after another, each making up for the errors of those before it.

What columns are multiplied with goes together: an error of one can be taken back by others, as far as the data are
alike. This is the method of GPTQ (Frantar et al., 2022), with the columns of the largest inputs first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.quantization.arithmetic import Grid, QParams

_DAMPING = 1e-3
"""Of the inputs' mean power, added to each: what the data leave open is rounded as if it were noise."""


def compensated(weight: Tensor, params: QParams, rows: Tensor) -> Tensor:
    """The integers of a matrix whose grid is one of its rows each, for `rows` of what it is multiplied with."""
    inputs = rows.double()
    power = inputs.T @ inputs / len(inputs)
    spaced = weight.double() / params.scale.double().reshape(-1, 1)
    return rounded_together(spaced.unsqueeze(0), params.grid, power.unsqueeze(0)).squeeze(0)


def rounded_together(spaced: Tensor, grid: Grid, power: Tensor) -> Tensor:
    """The integers for weights in units of their grids, (groups, outputs, columns), whose inputs have these second
    moments, (groups, columns, columns)."""
    groups, _, columns = spaced.shape
    power, one = power.clone(), torch.eye(columns, dtype=power.dtype)
    mean = power.diagonal(dim1=1, dim2=2).mean(1).reshape(-1, 1, 1)
    power = torch.where(mean > 0, power + _DAMPING * mean * one, one)
    order = power.diagonal(dim1=1, dim2=2).argsort(dim=1, descending=True)
    of_group = torch.arange(groups).unsqueeze(1)
    power = power[of_group.unsqueeze(2), order.unsqueeze(2), order.unsqueeze(1)]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(power))
    shares = torch.linalg.cholesky(inverse, upper=True)
    left = spaced.to(power.dtype).transpose(1, 2)[of_group, order]  # (groups, columns, outputs)
    integers = torch.empty(left.shape)
    for column in range(columns):
        number = left[:, column].round().clamp(grid.low, grid.high)
        integers[:, column] = number
        error = (left[:, column] - number) / shares[:, column, column].unsqueeze(1)
        left[:, column:] -= shares[:, column, column:].unsqueeze(2) * error.unsqueeze(1)
    return integers[of_group, order.argsort(dim=1)].transpose(1, 2)
