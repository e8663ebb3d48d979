"""Rules that choose, from the statistics of an activation, the range that its integers shall cover.

Each is called with the statistics, the grid and whether the range will be symmetric, and returns the lowest and highest
real number, a channel. Chosen ranges never reach beyond the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from runtime.quantization.arithmetic import Grid
from runtime.quantization.observers.bell import gauss_clip, laplace_clip
from runtime.quantization.observers.histogram import Histogram
from runtime.quantization.observers.search import least_divergence, least_squared_error
from runtime.quantization.observers.statistics import Statistics

Range = tuple[Tensor, Tensor]


class RangeRule(Protocol):
    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range: ...


@dataclass(frozen=True)
class MinMax:
    """All that was seen."""

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        return statistics.low, statistics.high


@dataclass(frozen=True)
class MovingAverage:
    """The moving average of the lowest and highest in each batch, in the order of the batches."""

    decay: float = 0.9

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        numbers = sorted(statistics.batches)
        low, high = (torch.tensor(bound, dtype=torch.float64) for bound in statistics.batches[numbers[0]])
        for number in numbers[1:]:
            new_low, new_high = (torch.tensor(bound, dtype=torch.float64) for bound in statistics.batches[number])
            low = self.decay * low + (1 - self.decay) * new_low
            high = self.decay * high + (1 - self.decay) * new_high
        return _within(statistics, low, high)


@dataclass(frozen=True)
class Average:
    """The mean over samples of their lowest and highest elements: Distiller's AVG."""

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        return _within(statistics, *statistics.average_range())


@dataclass(frozen=True)
class Deviations:
    """So many standard deviations to each side of the mean: Distiller's N_STD."""

    number: float = 3.0

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        mean, reach = statistics.histogram.mean(), self.number * statistics.histogram.deviation()
        return _within(statistics, mean - reach, mean + reach)


@dataclass(frozen=True)
class Gauss:
    """The range with the least squared error if the data were normally distributed: ACIQ, Distiller's GAUSS."""

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        return _around_mean(statistics, lambda histogram, bits: gauss_clip(bits) * histogram.deviation(), grid)


@dataclass(frozen=True)
class Laplace:
    """The same for a Laplace distribution."""

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        return _around_mean(
            statistics, lambda histogram, bits: laplace_clip(bits) * histogram.absolute_deviation(), grid
        )


@dataclass(frozen=True)
class Percentile:
    """Leaves out what lies beyond this percentile, on either side."""

    percent: float = 99.99

    def __post_init__(self) -> None:
        if not 50 < self.percent <= 100:
            raise ValueError(f"a percentile must lie above 50 and be 100 at most, not {self.percent}")

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        histogram, fraction = statistics.histogram, self.percent / 100
        return _within(statistics, histogram.quantile(1 - fraction), histogram.quantile(fraction))


@dataclass(frozen=True)
class SquaredError:
    """The range with the least squared error over the histogram."""

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        return least_squared_error(statistics, grid, symmetric)


@dataclass(frozen=True)
class Divergence:
    """The range whose quantized histogram tells most of the histogram (Kullback-Leibler)."""

    def __call__(self, statistics: Statistics, grid: Grid, symmetric: bool) -> Range:
        return least_divergence(statistics, grid, symmetric)


RULES: Mapping[str, RangeRule] = {
    "minmax": MinMax(),
    "moving_average": MovingAverage(),
    "avg": Average(),
    "n_std": Deviations(),
    "gauss": Gauss(),
    "laplace": Laplace(),
    "percentile": Percentile(),
    "mse": SquaredError(),
    "kl": Divergence(),
}


def rule(chosen: str | RangeRule) -> RangeRule:
    """A rule by its name, or any rule."""
    if not isinstance(chosen, str):
        return chosen
    if chosen not in RULES:
        raise ValueError(f"no rule for ranges is called {chosen!r}; there are {', '.join(RULES)}")
    return RULES[chosen]


def _within(statistics: Statistics, low: Tensor, high: Tensor) -> Range:
    low, high = low.to(torch.float32), high.to(torch.float32)
    return low.clamp(statistics.low, statistics.high), high.clamp(statistics.low, statistics.high)


def _around_mean(statistics: Statistics, reach: Callable[[Histogram, int], Tensor], grid: Grid) -> Range:
    """Data that are nowhere negative are taken for the positive half of a distribution around zero.

    That half has all the steps to itself, as if the whole had one bit more.
    """
    histogram = statistics.histogram
    mean, whole = histogram.mean(), reach(histogram, grid.bits)
    half = reach(histogram.above_zero(), grid.bits + 1).nan_to_num()
    positive = statistics.low >= 0
    return _within(
        statistics,
        torch.where(positive, torch.zeros_like(mean), mean - whole),
        torch.where(positive, half, mean + whole),
    )
