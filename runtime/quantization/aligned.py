"""Tensors that have to lie on one grid, or had better: they get one range, wide enough for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Range = tuple[float, float]


class Alignment:
    """Groups of keys with one range each."""

    def __init__(self, ranges: Mapping[str, Range]) -> None:
        self._ranges = dict(ranges)
        self._leader = {key: key for key in ranges}
        self._narrowest = {key: _width(bounds) for key, bounds in ranges.items()}

    def range_of(self, key: str) -> Range:
        return self._ranges[self._find(key)]

    def align(self, keys: Iterable[str], within: float | None = None) -> bool:
        """Puts these in one group; with `within` only if no member's own range is that many times narrower."""
        leaders = list(dict.fromkeys(self._find(key) for key in keys))
        low = min(self._ranges[leader][0] for leader in leaders)
        high = max(self._ranges[leader][1] for leader in leaders)
        narrowest = min(self._narrowest[leader] for leader in leaders)
        if within is not None and _width((low, high)) > within * narrowest:
            return False
        for leader in leaders:
            self._leader[leader] = leaders[0]
        self._ranges[leaders[0]] = (low, high)
        self._narrowest[leaders[0]] = narrowest
        return True

    def _find(self, key: str) -> str:
        while self._leader[key] != key:
            key = self._leader[key]
        return key


def _width(bounds: Range) -> float:
    """Of the grid that such a range gets, which always reaches zero."""
    return max(bounds[1], 0.0) - min(bounds[0], 0.0)
