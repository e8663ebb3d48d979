"""Distiller's ways to clip activations, on our statistics and on its files."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from runtime.inspect.statistics import CallStatistics, TensorStatistics
from runtime.quantization.arithmetic import Grid
from runtime.quantization.observers import Average, Deviations, Gauss, Laplace, MinMax, RangeRule, Statistics
from runtime.quantization.observers.bell import gauss_clip, laplace_clip


class ClipMode(enum.Enum):
    """What is cut off; where a mode is an argument, its value as a string will do."""

    NONE = "none"
    AVG = "avg"
    N_STD = "n_std"
    GAUSS = "gauss"
    LAPLACE = "laplace"

    @classmethod
    def _missing_(cls, value: object) -> ClipMode | None:
        names = {mode.value: mode for mode in cls}
        return names.get(value.lower()) if isinstance(value, str) else None


def rule_for(mode: ClipMode, clip_n_stds: float | None) -> RangeRule:
    """The rule of ours that does the same."""
    if mode is ClipMode.N_STD:
        if clip_n_stds is None:
            raise ValueError("clip_acts N_STD needs clip_n_stds, the number of standard deviations")
        return Deviations(clip_n_stds)
    rules: dict[ClipMode, RangeRule] = {
        ClipMode.NONE: MinMax(),
        ClipMode.AVG: Average(),
        ClipMode.GAUSS: Gauss(),
        ClipMode.LAPLACE: Laplace(),
    }
    return rules[mode]


@dataclass(frozen=True)
class SymmetricRange:
    """As far to the one side of zero as to the other."""

    rule: RangeRule

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:
        low, high = self.rule(statistics, grid, symmetric)
        reach = torch.maximum(low.abs(), high.abs())
        return -reach, reach


def ranges_from(
    statistics: Mapping[str, CallStatistics], rule: RangeRule, bits: int, symmetric: bool
) -> dict[str, tuple[float, float]]:
    """The ranges of all tensors, out of the numbers that Distiller's files hold, by the names of `calibrate`."""
    found = {}
    for name, call in statistics.items():
        tensors = {f"{name}:input{position}": one for position, one in enumerate(call.inputs)}
        tensors |= {f"{name}:output{p}" if p else name: one for p, one in enumerate(call.outputs)}
        for key, one in tensors.items():
            low, high = _clipped(one, rule, bits)
            reach = max(abs(low), abs(high))
            found[key] = (-reach, reach) if symmetric and low < 0 else (low, high)
    return found


def _clipped(one: TensorStatistics, rule: RangeRule, bits: int) -> tuple[float, float]:
    if isinstance(rule, Average):
        return one.avg_min, one.avg_max
    if isinstance(rule, Deviations):
        reach = rule.number * one.std
    elif isinstance(rule, Gauss):
        reach = gauss_clip(bits) * one.std
    elif isinstance(rule, Laplace):
        reach = laplace_clip(bits) * one.b
    else:
        return one.min, one.max
    return max(one.min, one.mean - reach), min(one.max, one.mean + reach)
