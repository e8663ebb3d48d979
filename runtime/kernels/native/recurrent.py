"""Recurrent layers, by the native kernels."""

import torch
from torch import Tensor

from runtime.kernels.native import abi, library
from runtime.kernels.native.scales import inverse
from runtime.kernels.native.wide import wide_product

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
    cell = cell.contiguous().clone()
    return _walked("lstm", gates, hidden, cell, weight, bias, multiplier, scale, reverse), cell


def gru(
    gates: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor, scale: float, reverse: bool
) -> Tensor:
    return _walked("gru", gates, hidden, None, weight, bias, multiplier, scale, reverse)


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
    return _walked("rnn", gates, hidden, None, weight, bias, multiplier, scale, reverse, relu)


def _walked(
    kernel: str,
    gates: Tensor,
    hidden: Tensor,
    cell: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    multiplier: Tensor,
    scale: float,
    reverse: bool,
    relu: bool = False,
) -> Tensor:
    """The hidden state after each step; the cell becomes the last."""
    gates, hidden, bias, multiplier = (tensor.contiguous() for tensor in (gates, hidden, bias, multiplier))
    rows, size = hidden.shape
    out = torch.empty(gates.shape[0], rows, size)
    codes, sums = torch.empty(2 * rows, size, dtype=torch.uint8), torch.empty(2 * rows, weight.shape[0])
    arguments = abi.arguments(kernel)(
        product=wide_product(codes, weight, multiplier, sums),
        x_gates=gates.data_ptr(),
        start=hidden.data_ptr(),
        bias=bias.data_ptr(),
        state=None if cell is None else cell.data_ptr(),
        out=out.data_ptr(),
        codes=codes.data_ptr(),
        sums=sums.data_ptr(),
        steps=gates.shape[0],
        rows=rows,
        size=size,
        inverse_scale=inverse(scale),
        reverse=reverse,
        relu=relu,
        threads=torch.get_num_threads(),
    )
    library.call(kernel, arguments)
    return out
