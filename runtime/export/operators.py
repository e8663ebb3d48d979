"""Quantize and dequantize as operators of a graph: those that torchao's PT2E makes, which other tools know."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.ao.quantization.fx import _decomposed as _registers  # noqa: F401

from runtime.quantization.arithmetic import Granularity, Grid, QParams

_OPERATORS = torch.ops.quantized_decomposed


@dataclass(frozen=True)
class OnGrid:
    """Puts a tensor on a grid and back: `dequantize(quantize(x))`, two nodes of a graph."""

    scale: float
    zero_point: int
    grid: Grid
    read_as: float
    """What integers are multiplied with on the way back: the scale, or what a sum makes of it."""

    @classmethod
    def of(cls, params: QParams | None, read_as: float | None = None) -> OnGrid | None:
        if params is None:
            return None
        scale = params.scale.item()
        return cls(scale, int(params.zero_point.item()), params.grid, scale if read_as is None else read_as)

    def of_steps(self) -> OnGrid:
        """The same for numbers that have been divided by the scale already."""
        return replace(self, scale=1.0)

    def __call__(self, x: Tensor) -> Tensor:
        dtype, (low, high) = stored_as(self.grid)
        x = x if x.dtype is torch.float32 else x.to(torch.float32)
        if (low, high) != (self.grid.low, self.grid.high):  # ONNX knows the limits of types, and no others
            x = x.clamp((self.grid.low - self.zero_point) * self.scale, (self.grid.high - self.zero_point) * self.scale)
        return self.real(_OPERATORS.quantize_per_tensor(x, self.scale, self.zero_point, low, high, dtype))

    def real(self, codes: Tensor) -> Tensor:
        """What codes on the grid stand for."""
        dtype, (low, high) = stored_as(self.grid)
        real: Tensor = _OPERATORS.dequantize_per_tensor(codes, self.read_as, self.zero_point, low, high, dtype)
        return real


def stored_as(grid: Grid) -> tuple[torch.dtype, tuple[int, int]]:
    """The type that holds a grid, and its limits."""
    limits = torch.iinfo(grid.dtype)
    return grid.dtype, (limits.min, limits.max)


class Constant(nn.Module):
    """Integers that a model holds, with their scales: a weight or a bias."""

    codes: Tensor
    scale: Tensor
    zero_point: Tensor

    def __init__(self, codes: Tensor, scale: Tensor, granularity: Granularity) -> None:
        super().__init__()
        self.granularity = granularity
        self.register_buffer("codes", codes.clone())
        self.register_buffer("scale", scale.to(torch.float32).clone())
        self.register_buffer("zero_point", torch.zeros_like(scale, dtype=codes.dtype))

    def forward(self) -> Tensor:
        limits = torch.iinfo(self.codes.dtype)
        told = (limits.min, limits.max, self.codes.dtype)
        if self.granularity.axis is None:
            real: Tensor = _OPERATORS.dequantize_per_tensor(self.codes, self.scale, self.zero_point, *told)
        else:
            axis = self.granularity.axis
            real = _OPERATORS.dequantize_per_channel(self.codes, self.scale, self.zero_point, axis, *told)
        return real
