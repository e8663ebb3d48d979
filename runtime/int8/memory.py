"""Where buffers lie in one block of memory: those that are not needed at the same time may share a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ALIGNMENT = 64


class Lifetime(NamedTuple):
    """The first and the last step that touches a buffer."""

    first: int
    last: int

    def meets(self, other: Lifetime) -> bool:
        return self.first <= other.last and other.first <= self.last


def place(sizes: Mapping[int, int], lifetimes: Mapping[int, Lifetime]) -> tuple[dict[int, int], int]:
    """The offset of each buffer, and how many bytes all need: large ones first, each as low as it fits."""
    offsets: dict[int, int] = {}
    total = 0
    for buffer in sorted(sizes, key=lambda b: (-sizes[b], b)):
        taken = sorted((offsets[b], offsets[b] + sizes[b]) for b in offsets if lifetimes[b].meets(lifetimes[buffer]))
        offset = 0
        for start, end in taken:
            if start - offset >= sizes[buffer]:
                break
            offset = max(offset, -(-end // ALIGNMENT) * ALIGNMENT)
        offsets[buffer] = offset
        total = max(total, offset + sizes[buffer])
    return offsets, total
