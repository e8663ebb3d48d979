"""A histogram that is a function of the data alone: neither the order of the data nor how it was divided changes it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_EXPONENT = -100
"""Below 2**-100 numbers are counted beside zero; so the factor that puts them in bins stays in float32."""


@dataclass
class Histogram:
    """Counts on a grid of bins whose width is a power of two, one row a channel.

    Bin i of n holds the numbers from (i - n / 2) * width up to the next bin's first; the width is the smallest power of
    two with which the largest magnitude fits. When that grows, neighbours are added in pairs, which is exactly what
    counting with the wider bins would have given.
    """

    counts: Tensor
    """int64, (channels, bins)"""
    exponents: Tensor
    """int64, (channels,): every magnitude is below 2**exponent"""

    @classmethod
    def empty(cls, channels: int, bins: int) -> Histogram:
        counts = torch.zeros(channels, bins, dtype=torch.int64)
        return cls(counts, torch.full((channels,), SMALLEST_EXPONENT, dtype=torch.int64))

    @property
    def bins(self) -> int:
        return self.counts.shape[1]

    @property
    def width(self) -> Tensor:
        return torch.ldexp(torch.ones(len(self.exponents), dtype=torch.float64), self.exponents) * 2 / self.bins

    @property
    def centers(self) -> Tensor:
        """float64, (channels, bins)"""
        steps = torch.arange(self.bins, dtype=torch.float64) - self.bins / 2 + 0.5
        return steps * self.width[:, None]

    def add(self, rows: Tensor, largest: Tensor) -> None:
        """Counts finite float32 `rows` (channels, elements), whose largest magnitudes are `largest` (channels,)."""
        _, exponents = torch.frexp(largest)
        self._widen(exponents.to(torch.int64))
        half = self.bins // 2
        factor = torch.ldexp(torch.full_like(largest, half), -self.exponents)
        bins = torch.floor(rows * factor[:, None]).to(torch.int64)
        bins -= ((rows < 0) & (bins == 0)).to(
            torch.int64
        )  # the product was too small for float32, and came out as zero
        first = torch.arange(len(rows)) * self.bins + half
        counted = torch.bincount((bins + first[:, None]).flatten(), minlength=self.counts.numel())
        self.counts += counted.reshape(self.counts.shape)

    def merge(self, other: Histogram) -> None:
        if self.counts.shape != other.counts.shape:
            raise ValueError(
                f"histograms of {tuple(self.counts.shape)} and {tuple(other.counts.shape)} channels and bins differ"
            )
        other = Histogram(other.counts.clone(), other.exponents.clone())
        self._widen(other.exponents)
        other._widen(self.exponents)
        self.counts += other.counts

    def _widen(self, exponents: Tensor) -> None:
        doublings = (exponents - self.exponents).clamp(min=0)
        if not doublings.any():
            return
        half = self.bins // 2
        bins = torch.arange(self.bins) - half
        moved = torch.bitwise_right_shift(bins[None, :], doublings.clamp(max=62)[:, None]) + half
        self.counts = torch.zeros_like(self.counts).scatter_add_(1, moved, self.counts)
        self.exponents = self.exponents + doublings

    def mean(self) -> Tensor:
        """float64, (channels,): as if each number lay at the center of its bin."""
        return (self.counts * self.centers).sum(1) / self.counts.sum(1)

    def deviation(self) -> Tensor:
        """The standard deviation, (channels,)."""
        distance = self.centers - self.mean()[:, None]
        return ((self.counts * distance.square()).sum(1) / self.counts.sum(1)).sqrt()

    def absolute_deviation(self) -> Tensor:
        """The mean distance from the mean, (channels,): the scale of a Laplace distribution."""
        distance = self.centers - self.mean()[:, None]
        return (self.counts * distance.abs()).sum(1) / self.counts.sum(1)

    def above_zero(self) -> Histogram:
        """Only the positive bins, mirrored: the distribution whose positive half this is."""
        half = self.bins // 2
        positive = self.counts[:, half:].clone()
        # Zeros themselves are what a ReLU cut off, and lie in the first positive bin.
        positive[:, 0] = 0
        return Histogram(torch.cat([positive.flip(1), positive], dim=1), self.exponents)

    def quantile(self, fraction: float) -> Tensor:
        """The number that `fraction` of the data lie below, (channels,), interpolated within its bin."""
        below = self.counts.cumsum(1)
        wanted = (below[:, -1].to(torch.float64) * fraction)[:, None]
        bin_ = torch.searchsorted(below.to(torch.float64), wanted).clamp(max=self.bins - 1)
        inside = self.counts.gather(1, bin_).clamp(min=1)
        before = below.gather(1, bin_) - self.counts.gather(1, bin_)
        left = self.centers.gather(1, bin_) - self.width[:, None] / 2
        return (left + self.width[:, None] * ((wanted - before) / inside).clamp(0, 1)).squeeze(1)
