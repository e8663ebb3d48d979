"""Where buffers lie in one block of memory: those that are not needed at the same time may share a place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

ALIGNMENT = 64


class Lifetime(NamedTuple):
    """The first and the last step that touches a buffer."""

    first: int
    last: int


def place(sizes: Mapping[int, int], lifetimes: Mapping[int, Lifetime]) -> tuple[dict[int, int], int]:
    """The offset of each buffer, and how many bytes all need: large ones first, each as low as it fits."""
    offsets: dict[int, int] = {}
    total = 0
    alive: defaultdict[int, set[int]] = defaultdict(set)
    """Of the buffers that have a place, those that are needed at each step; programs may have thousands of each."""
    for buffer in sorted(sizes, key=lambda b: (-sizes[b], b)):
        life = lifetimes[buffer]
        neighbours = set().union(*(alive[step] for step in range(life.first, life.last + 1)))
        taken = sorted((offsets[b], offsets[b] + sizes[b]) for b in neighbours)
        offset = 0
        for start, end in taken:
            if start - offset >= sizes[buffer]:
                break
            offset = max(offset, -(-end // ALIGNMENT) * ALIGNMENT)
        offsets[buffer] = offset
        total = max(total, offset + sizes[buffer])
        for step in range(life.first, life.last + 1):
            alive[step].add(buffer)
    return offsets, total
