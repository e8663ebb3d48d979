"""Measuring several ways to compute the same, fairly: in turns, so that a slow moment of the machine meets all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

REPEATS = 3
"""Calls in one turn; the fastest counts."""
SETTLING = 0.05
"""Seconds before a turn: threads of the side before go on spinning for a while, in wait of more work."""
WARMING = 0.05
"""Seconds of calls that do not count, at least one: after waiting, the processor is slow and its caches are others'."""


@dataclass(frozen=True)
class Measured:
    """Of one side, over all rounds."""

    seconds: float
    """The median."""
    ratio: float
    """How many times faster than the first baseline in the same round; the median."""
    best_ratio: float
    """The same over the fastest of the baselines."""
    cpu_ratio: float
    """Over the first, in time of the processor, which does not go on while other processes have it."""


class _Turn(NamedTuple):
    seconds: float
    cpu: float


def measure(sides: Mapping[str, Callable[[], object]], baselines: Sequence[str], rounds: int) -> dict[str, Measured]:
    """Each side a turn a round."""
    turns: dict[str, list[_Turn]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(SETTLING)
            _warm(side)
            timed = [_timed(side) for _ in range(REPEATS)]
            turns[name].append(_Turn(min(t.seconds for t in timed), min(t.cpu for t in timed)))
    base = turns[baselines[0]]
    best = min((turns[name] for name in baselines if name in turns), key=_median)
    return {name: Measured(_median(own), *_ratios(own, base, best)) for name, own in turns.items()}


def _warm(side: Callable[[], object]) -> None:
    end = time.perf_counter() + WARMING
    side()
    while time.perf_counter() < end:
        side()


def _median(own: Sequence[_Turn]) -> float:
    return statistics.median(turn.seconds for turn in own)


def _ratios(own: Sequence[_Turn], base: Sequence[_Turn], best: Sequence[_Turn]) -> tuple[float, float, float]:
    """In seconds over the first baseline, over the best one, and in time of the processor over the first."""
    return (
        statistics.median(b.seconds / o.seconds for b, o in zip(base, own, strict=True)),
        statistics.median(b.seconds / o.seconds for b, o in zip(best, own, strict=True)),
        statistics.median(b.cpu / max(o.cpu, 1e-9) for b, o in zip(base, own, strict=True)),
    )


def _timed(side: Callable[[], object]) -> _Turn:
    start, cpu = time.perf_counter(), time.process_time()
    side()
    return _Turn(time.perf_counter() - start, time.process_time() - cpu)
