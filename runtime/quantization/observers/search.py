"""Searches over a histogram for the range that loses least."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from runtime.quantization.arithmetic import Grid
from runtime.quantization.observers.histogram import Histogram
from runtime.quantization.observers.statistics import Statistics

CANDIDATES = 128
TRACE = 1e-9
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(counts, centers of the bins, lows, highs) -> what each candidate range loses"""


def least_squared_error(statistics: Statistics, grid: Grid, symmetric: bool) -> tuple[Tensor, Tensor]:
    def loss(counts: Tensor, centers: Tensor, low: Tensor, high: Tensor) -> Tensor:
        scale, zero_point, q = _on_grid(centers, low, high, grid, symmetric)
        error = (q - zero_point) * scale - centers
        return error.square().mv(counts)

    return _search(statistics, statistics.histogram.counts, symmetric, loss)


def least_divergence(statistics: Statistics, grid: Grid, symmetric: bool) -> tuple[Tensor, Tensor]:
    """Zeros are left out: any grid has them exactly, and the many that a ReLU makes would outweigh the rest."""

    def loss(counts: Tensor, centers: Tensor, low: Tensor, high: Tensor) -> Tensor:
        scale, _, q = _on_grid(centers, low, high, grid, symmetric)
        levels = (q - grid.low).to(torch.int64)
        inside = (centers >= (low - scale / 2)) & (centers <= (high + scale / 2))
        return _divergence(counts, inside, levels, grid)

    return _search(statistics, _without_zeros(statistics.histogram), symmetric, loss)


def _without_zeros(histogram: Histogram) -> Tensor:
    """The counts but for the bin where zero lies; all of them in a row that has nothing else."""
    kept = histogram.counts.clone()
    kept[:, histogram.bins // 2] = 0
    return torch.where(kept.any(1, keepdim=True), kept, histogram.counts)


def _divergence(counts: Tensor, inside: Tensor, levels: Tensor, grid: Grid) -> Tensor:
    """Of the counts from what is left of them: what is outside at the edges, and all of a level spread evenly over it.

    Where data were and nothing is left of them, a trace is assumed, so that the loss stays finite, and large.
    """
    left = counts * inside + _outside_at_edges(counts, inside)
    held = (inside & (counts > 0)).to(counts.dtype)
    sums, numbers = torch.zeros(2, len(levels), grid.steps + 1, dtype=counts.dtype)
    sums = sums.scatter_add(1, levels, left)
    numbers = numbers.scatter_add(1, levels, held)
    q = held * (sums / numbers.clamp(min=1)).gather(1, levels) / counts.sum()
    p = counts / counts.sum()
    divergence: Tensor = p * (p / q.clamp(min=TRACE)).log()
    return divergence.sum(1)


def _outside_at_edges(counts: Tensor, inside: Tensor) -> Tensor:
    """What lies below and above each candidate range, put in its first and last bin."""
    bins = torch.arange(counts.shape[0])
    first = torch.where(inside, bins, len(bins) - 1).amin(1, keepdim=True)
    last = torch.where(inside, bins, 0).amax(1, keepdim=True)
    edges = torch.zeros(inside.shape, dtype=counts.dtype)
    edges.scatter_add_(1, first, (counts * (bins < first)).sum(1, keepdim=True))
    return edges.scatter_add_(1, last, (counts * (bins > last)).sum(1, keepdim=True))


def _on_grid(centers: Tensor, low: Tensor, high: Tensor, grid: Grid, symmetric: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Scale, zero point and integers, in float64, where candidates are columns."""
    if symmetric:
        scale = (torch.maximum(-low, high) / (grid.steps / 2)).clamp(min=1e-300)
        zero_point = torch.full_like(scale, grid.middle)
    else:
        scale = ((high - low) / grid.steps).clamp(min=1e-300)
        zero_point = grid.low - torch.round(low / scale)
    return scale, zero_point, (torch.round(centers / scale) + zero_point).clamp(grid.low, grid.high)


def _search(statistics: Statistics, counts: Tensor, symmetric: bool, loss: Loss) -> tuple[Tensor, Tensor]:
    """Each channel's best range: both ends shrunk alike, then each end by itself."""
    histogram = statistics.histogram
    lows, highs = statistics.low.to(torch.float64), statistics.high.to(torch.float64)
    best = []
    for channel in range(len(lows)):
        low, high = lows[channel].clamp(max=0), highs[channel].clamp(min=0)
        held = counts[channel] > 0
        # A bin at the edge of the data may have its center outside of them.
        centers = histogram.centers[channel][held].clamp(lows[channel], highs[channel])
        best.append(_shrink(counts[channel][held].to(torch.float64), centers, low, high, symmetric, loss))
    chosen = torch.stack([torch.stack(pair) for pair in best])
    return chosen[:, 0].to(torch.float32), chosen[:, 1].to(torch.float32)


def _shrink(
    counts: Tensor, centers: Tensor, low: Tensor, high: Tensor, symmetric: bool, loss: Loss
) -> tuple[Tensor, Tensor]:
    kept = torch.arange(CANDIDATES, 0, -1, dtype=torch.float64)[:, None] / CANDIDATES
    whole = torch.ones_like(kept)

    def best(lows: Tensor, highs: Tensor) -> tuple[Tensor, Tensor]:
        place = int(loss(counts, centers, lows, highs).argmin())  # the widest of equals comes first
        return lows[place, 0], highs[place, 0]

    if symmetric:
        reach = torch.maximum(-low, high)
        _, reach = best(-reach * kept, reach * kept)
        return torch.maximum(low, -reach), torch.minimum(high, reach)
    if low < 0 < high:
        low, high = best(low * kept, high * kept)
        low, high = best(low * kept, high * whole)
    if low < 0:
        low, high = best(low * kept, high * whole)
    if high > 0:
        low, high = best(low * whole, high * kept)
    return low, high
