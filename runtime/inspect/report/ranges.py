"""Histograms of activations and weights, and the ranges that their integers cover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from runtime.inspect.statistics import BINS, activation_statistics
from runtime.quantization.fusion import Absorbed
from runtime.quantization.quantized.base import HoldsIntegers, QuantizedModule

Drawn = tuple[str, Sequence[int], float, float, "tuple[float, float] | None"]
"""Title, counts, lowest and highest value, and what the integers cover."""


def activation_histograms(exact: nn.Module, quantized: nn.Module, batches: list[Any]) -> Iterator[Drawn]:
    """Of every result that is on integers: what the float model has there."""
    seen = activation_statistics(exact, batches)
    last = {}
    for name, module in quantized.named_modules():
        if isinstance(module, Absorbed) and (module.into not in last or "BatchNorm" not in module.kind):
            last[module.into] = name  # an activation comes behind the normalization
    for name, module in quantized.named_modules():
        if not isinstance(module, QuantizedModule) or (params := module.output_params) is None:
            continue
        call = seen.get(last.get(name, name))
        if call is not None and call.outputs and call.output.histogram:
            one = call.output
            yield name, one.histogram, one.min, one.max, (params.lowest.item(), params.highest.item())


def weight_histograms(quantized: nn.Module) -> Iterator[Drawn]:
    """Of every weight on integers: the real numbers that they stand for, and the grid of the widest channel."""
    for name, module in quantized.named_modules():
        if isinstance(module, HoldsIntegers):
            params, weight = module.weight_params, module.weight.detach().float()
            counts, low, high = _counted(weight)
            yield name, counts, low, high, (params.lowest.min().item(), params.highest.max().item())


def _counted(weight: Tensor) -> tuple[list[int], float, float]:
    low, high = (bound.item() for bound in torch.aminmax(weight))
    if low == high:
        return [weight.numel()], low, high
    return torch.histc(weight, BINS, low, high).long().tolist(), low, high
