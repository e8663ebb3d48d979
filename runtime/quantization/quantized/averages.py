"""Means and average pooling: exact sums of integers, times the multiplier, divided by how many there were."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime.quantization.arithmetic import multiplier
from runtime.quantization.known import row_of, settings
from runtime.quantization.quantized.base import QuantizedModule, centred


class QuantizedAverage(QuantizedModule):
    """A mean over dimensions, an average pooling, or an adaptive one."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        output, given = self.output_params, self.input_params[0] if self.input_params else None
        if output is None or given is None:
            return self.in_float(x, *args, **kwargs)
        integers = centred(x, given).to(torch.float64)
        average = self.inner(integers, *args, **kwargs)
        count = self._count(x, average, settings(self.inner, args, kwargs)).to(x.device)
        total = torch.round(average * count).to(torch.float32)
        # The product is rounded to float32, then the quotient.
        quotient = total * multiplier([given.scale], output.scale) / count.to(torch.float32)
        return self.requantized(quotient, torch.ones_like(output.scale), output).to(x.dtype)

    def _count(self, x: Tensor, average: Tensor, told: Mapping[str, Any]) -> Tensor:
        """How many numbers each average is divided by, in a form that broadcasts."""
        if "kernel_size" in told:
            return _window_sizes(told, x, spatial_dimensions(self.inner))
        if "output_size" in told:
            return _adaptive_sizes(x, average)
        return torch.tensor(x.numel() // max(average.numel(), 1), dtype=torch.float64)


def spatial_dimensions(pool: nn.Module) -> int:
    row = row_of(pool)
    assert row is not None
    return row.spatial


def each_axis(size: int | Sequence[int], dims: int) -> list[int]:
    """One number for all axes, or one for each."""
    return [size] * dims if isinstance(size, int) else [*size] * (dims // len(size))


def windows(told: Mapping[str, Any], dims: int) -> tuple[list[int], list[int], list[int]]:
    """Kernel, stride and padding of a pooling, a number for each axis; without a stride windows touch each other."""
    kernel = each_axis(told["kernel_size"], dims)
    return kernel, each_axis(told["stride"] or kernel, dims), each_axis(told["padding"], dims)


def _window_sizes(told: Mapping[str, Any], x: Tensor, dims: int) -> Tensor:
    """The average of ones is the part of the window that lies on the tensor."""
    if told.get("divisor_override") is not None:
        return torch.tensor(told["divisor_override"], dtype=torch.float64)
    geometry = windows(told, dims)
    if dims == 1:
        kernel, stride, padding = ([one, *axis] for one, axis in zip((1, 1, 0), geometry, strict=True))
        flat = {**told, "kernel_size": kernel, "stride": stride, "padding": padding}
        return _window_sizes(flat, x.unsqueeze(-2), 2).squeeze(-2)
    average = F.avg_pool2d if dims == 2 else F.avg_pool3d
    ones = torch.ones(1, *x.shape[-dims:], dtype=torch.float64)
    modes = (told["ceil_mode"], told["count_include_pad"])
    return torch.round(average(ones, *geometry, *modes, divisor_override=1) / average(ones, *geometry, *modes))


def _adaptive_sizes(x: Tensor, average: Tensor) -> Tensor:
    """Windows of an adaptive pooling go from floor(i * size / n) to ceil((i + 1) * size / n)."""
    count = torch.ones([], dtype=torch.float64)
    dims = range(average.dim() - _spatial(x, average), average.dim())
    for dim in dims:
        size, number = x.shape[dim], average.shape[dim]
        place = torch.arange(number)
        lengths = -(-(place + 1) * size // number) - place * size // number
        count = count.unsqueeze(-1) * lengths
    return count


def _spatial(x: Tensor, average: Tensor) -> int:
    """The number of last dimensions that were pooled, or may as well have been."""
    leading = next((d for d in range(x.dim()) if x.shape[d] != average.shape[d]), x.dim())
    return x.dim() - leading


def equal_counts(pool: nn.Module, told: Mapping[str, Any], x: Tensor, average: Tensor) -> int | None:
    """How many numbers each average is of, where that is one known number for all."""
    if "kernel_size" in told:
        kernel, _, padding = windows(told, spatial_dimensions(pool))
        whole = not any(padding) or told["count_include_pad"]
        return math.prod(kernel) if whole and not told["ceil_mode"] and told.get("divisor_override") is None else None
    if "output_size" in told:
        dims = spatial_dimensions(pool)
        sizes = list(zip(x.shape[-dims:], average.shape[-dims:], strict=True))
    else:
        over = told.get("dim")
        dims_over = range(x.dim()) if over is None else [over] if isinstance(over, int) else over
        sizes = [(x.shape[dim], 1) for dim in dims_over]
    if not all(isinstance(size, int) and size % made == 0 for size, made in sizes):
        return None
    return math.prod(size // made for size, made in sizes)
