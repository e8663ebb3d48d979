"""What calibration keeps of one activation: enough for every rule that chooses a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from runtime.quantization.observers.exact import ExactSum
from runtime.quantization.observers.histogram import Histogram

BINS = 4096
BINS_PER_CHANNEL = 512


@dataclass
class Statistics:
    """Statistics of the tensors that were observed, of all together or of each channel along `axis`.

    Two of them merge to the very statistics that one would have of all the data, bit for bit, provided that each
    batch kept its number.
    """

    axis: int | None = None
    count: int = 0
    """Elements a channel."""
    samples: int = 0
    """Rows of the first dimension."""
    low: Tensor = field(default_factory=lambda: torch.empty(0))
    """float32, (channels,); one channel where there is no axis"""
    high: Tensor = field(default_factory=lambda: torch.empty(0))
    sums_of_lows: list[ExactSum] = field(default_factory=list)
    """Of the lowest element in each sample, a channel."""
    sums_of_highs: list[ExactSum] = field(default_factory=list)
    batches: dict[int, tuple[list[float], list[float]]] = field(default_factory=dict)
    """Number of the batch -> its lowest and highest elements, a channel."""
    histogram: Histogram = field(default_factory=lambda: Histogram.empty(0, BINS))
    infinite: bool = False
    """Infinity was seen, as in a mask, and with it nothing else was counted: no range can cover the data."""

    def observe(self, x: Tensor, batch: int) -> None:
        """Adds what was seen in batch number `batch`; an empty tensor adds nothing, and NaN is an error."""
        if x.numel() == 0:
            return
        rows = self._rows(x.detach().to(dtype=torch.float32, device="cpu"))
        lows, highs = torch.aminmax(rows, dim=2)
        low, high = lows.amin(1), highs.amax(1)
        if low.isnan().any():
            raise ValueError(f"a tensor of shape {tuple(x.shape)} holds NaN")
        if low.isinf().any() or high.isinf().any():
            self.infinite = True
            return
        if not self.count:
            self._begin(low, high)
        elif low.shape != self.low.shape:
            raise ValueError(f"axis {self.axis} had {len(self.low)} channels before and has {len(low)} now")
        self.count += rows[0].numel()
        self.samples += rows.shape[1]
        self._add_batch(batch, low, high)
        for channel, (sum_of_lows, sum_of_highs) in enumerate(zip(self.sums_of_lows, self.sums_of_highs, strict=True)):
            sum_of_lows.add(lows[channel])
            sum_of_highs.add(highs[channel])
        self.histogram.add(rows.flatten(1), torch.maximum(low.abs(), high.abs()))

    def merge(self, other: Statistics) -> None:
        """Adds what another process has seen."""
        if other.axis != self.axis:
            raise ValueError(f"statistics along axis {self.axis} and along axis {other.axis} cannot be merged")
        self.infinite |= other.infinite
        if not other.count:
            return
        if not self.count:
            self._begin(other.low, other.high)
        elif other.low.shape != self.low.shape:
            raise ValueError(f"statistics of {len(self.low)} and of {len(other.low)} channels cannot be merged")
        self.count += other.count
        self.samples += other.samples
        for batch, (lows, highs) in other.batches.items():
            self._add_batch(batch, torch.tensor(lows), torch.tensor(highs))
        for mine, theirs in zip(self.sums_of_lows, other.sums_of_lows, strict=True):
            mine.merge(theirs)
        for mine, theirs in zip(self.sums_of_highs, other.sums_of_highs, strict=True):
            mine.merge(theirs)
        self.histogram.merge(other.histogram)

    def average_range(self) -> tuple[Tensor, Tensor]:
        """The mean over samples of their lowest and highest elements, (channels,)."""
        lows = torch.tensor([s.mean(self.samples) for s in self.sums_of_lows], dtype=torch.float64)
        highs = torch.tensor([s.mean(self.samples) for s in self.sums_of_highs], dtype=torch.float64)
        return lows, highs

    def _rows(self, x: Tensor) -> Tensor:
        """(channels, samples, elements)"""
        if x.dim() == 0:
            return x.reshape(1, 1, 1)
        if self.axis is None:
            return x.reshape(1, x.shape[0], -1)
        samples = 1 if self.axis % x.dim() == 0 else x.shape[0]
        rows = x.movedim(self.axis, 0)
        return rows.reshape(rows.shape[0], samples, -1)

    def _begin(self, low: Tensor, high: Tensor) -> None:
        self.low, self.high = low.clone(), high.clone()
        self.sums_of_lows = [ExactSum() for _ in low]
        self.sums_of_highs = [ExactSum() for _ in low]
        self.histogram = Histogram.empty(len(low), BINS if self.axis is None else BINS_PER_CHANNEL)

    def _add_batch(self, batch: int, low: Tensor, high: Tensor) -> None:
        self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        if batch in self.batches:  # a module that runs at each time step
            before = self.batches[batch]
            low, high = torch.minimum(low, torch.tensor(before[0])), torch.maximum(high, torch.tensor(before[1]))
        self.batches[batch] = (low.tolist(), high.tolist())

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings, lists and dicts only; `from_plain` returns the very same statistics."""
        return {
            "axis": self.axis,
            "count": self.count,
            "samples": self.samples,
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "sums_of_lows": [s.to_floats() for s in self.sums_of_lows],
            "sums_of_highs": [s.to_floats() for s in self.sums_of_highs],
            "batches": {batch: [*map(list, self.batches[batch])] for batch in sorted(self.batches)},
            "histogram": _plain_histogram(self.histogram),
            "infinite": self.infinite,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Statistics:
        return cls(
            axis=plain["axis"],
            count=plain["count"],
            samples=plain["samples"],
            low=torch.tensor(plain["low"], dtype=torch.float32),
            high=torch.tensor(plain["high"], dtype=torch.float32),
            sums_of_lows=[ExactSum.from_floats(floats) for floats in plain["sums_of_lows"]],
            sums_of_highs=[ExactSum.from_floats(floats) for floats in plain["sums_of_highs"]],
            batches={int(number): (low, high) for number, (low, high) in plain["batches"].items()},
            histogram=_histogram_from_plain(plain["histogram"]),
            infinite=plain["infinite"],
        )


def _plain_histogram(histogram: Histogram) -> dict[str, Any]:
    """Each channel's bins from the first to the last that hold anything."""
    rows = []
    for counts in histogram.counts:
        held = counts.nonzero().flatten()
        first, last = (int(held[0]), int(held[-1])) if len(held) else (0, -1)
        shown = " ".join(map(str, counts[first : last + 1].tolist()))  # as one word YAML is a hundred times faster
        rows.append({"first": first, "counts": shown})
    return {"bins": histogram.bins, "exponents": histogram.exponents.tolist(), "channels": rows}


def _histogram_from_plain(plain: Mapping[str, Any]) -> Histogram:
    histogram = Histogram.empty(len(plain["channels"]), plain["bins"])
    histogram.exponents = torch.tensor(plain["exponents"], dtype=torch.int64)
    for row, channel in zip(histogram.counts, plain["channels"], strict=True):
        counts = [int(count) for count in channel["counts"].split()]
        row[channel["first"] : channel["first"] + len(counts)] = torch.tensor(counts, dtype=torch.int64)
    return histogram
