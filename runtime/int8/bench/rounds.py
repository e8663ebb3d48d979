"""Measuring several ways to compute the same, fairly: in turns, so that a slow moment of the machine meets all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

REPEATS = 3
"""Calls in one turn; the fastest counts."""


@dataclass(frozen=True)
class Measured:
    """Of one side, over all rounds."""

    seconds: float
    """The median."""
    ratio: float
    """How many times faster than the baseline in the same round; the median."""
    best: float
    """The same of the fastest turns of each: what is left where others disturb most turns."""


def measure(sides: Mapping[str, Callable[[], object]], baseline: str, rounds: int) -> dict[str, Measured]:
    """Each side a turn a round, with one call before that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            side()
            taken[name].append(min(_timed(side) for _ in range(REPEATS)))
    found = {}
    for name, seconds in taken.items():
        ratios = [base / own for base, own in zip(taken[baseline], seconds, strict=True)]
        best = min(taken[baseline]) / min(seconds)
        found[name] = Measured(statistics.median(seconds), statistics.median(ratios), best)
    return found


def _timed(side: Callable[[], object]) -> float:
    start = time.perf_counter()
    side()
    return time.perf_counter() - start
