"""Convolutions and linear layers that are given 16 bits: two codes of 8, each of which has its own sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from runtime.quantization.arithmetic import QParams, WideGrid, multiplier
from runtime.quantization.quantized.base import centred
from runtime.quantization.quantized.sums import QuantizedSum


class WideSum(QuantizedSum):
    """Its result is in floating point, and so is its bias."""

    def configure(self, inputs: Sequence[QParams | None], output: QParams | None, float_output: bool) -> None:
        super().configure(inputs, output, float_output)
        self.bias = self._float_bias

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        given = self.input_params[0] if self.configured else None
        if given is None:
            return super().forward(x, *args, **kwargs)
        numbers = centred(x, given)
        high = torch.floor((numbers + 128) / 256)
        factor = self._by_channel(multiplier([given.scale, self.weight_scale]))
        sums = (self._total(part, given, None, *args, **kwargs) for part in (high, numbers - 256 * high))
        first, second = (total.to(torch.float32) * factor for total in sums)
        total = first * 256 + second
        return (total if self.bias is None else total + self._by_channel(self.bias)).to(x.dtype)


def is_wide(params: Sequence[QParams | None]) -> bool:
    return any(given is not None and isinstance(given.grid, WideGrid) for given in params)
