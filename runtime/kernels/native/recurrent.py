"""Steps of recurrent layers, by the native kernels."""

import torch
from torch import Tensor

from runtime.kernels.native import abi, library
from runtime.kernels.native.linear import linear_float
from runtime.kernels.native.scales import inverse, quantize

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
    from_hidden = linear_float(hidden, weight, bias, multiplier, hidden_zero)
    return _gates("lstm_gates", gates, from_hidden, cell, hidden_scale, hidden_zero)


def gru_step(
    gates: Tensor,
    state: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    multiplier: Tensor,
    hidden_scale: float,
    hidden_zero: int,
) -> Tensor:
    hidden = quantize(state, hidden_scale, hidden_zero)
    from_hidden = linear_float(hidden, weight, bias, multiplier, hidden_zero)
    return _gates("gru_gates", gates, from_hidden, state, hidden_scale, hidden_zero)[1]


def _gates(
    kernel: str, x_gates: Tensor, h_gates: Tensor, state: Tensor, scale: float, zero: int
) -> tuple[Tensor, Tensor]:
    """The new hidden state, and the new cell or state."""
    size = state.shape[-1]
    rows = x_gates.contiguous()
    state = state.contiguous().clone()
    hidden = torch.empty(state.shape, dtype=torch.uint8)
    arguments = abi.arguments("lstm_gates")(
        x_gates=rows.data_ptr(),
        h_gates=h_gates.data_ptr(),
        state=state.data_ptr(),
        hidden=hidden.data_ptr(),
        rows=state.numel() // max(size, 1),
        size=size,
        x_stride=rows.shape[-1],
        hidden_stride=size,
        inverse_scale=inverse(scale),
        zero=zero,
        threads=torch.get_num_threads(),
    )
    library.call(kernel, arguments)
    return hidden, state
