"""Where to clip bell-shaped data, in units of its width: the least sum of clipping and rounding error.

With 2**bits steps over [-clip, clip] rounding costs clip**2 / (3 * 4**bits). What clipping costs is a closed form for
both distributions (Banner et al., "Post training 4-bit quantization of convolutional networks", 2019); the minimum
is where the two slopes meet, found here by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache


@cache
def laplace_clip(bits: int) -> float:
    """For mean absolute deviation 1: clipping costs 2 * exp(-clip)."""
    return _root(lambda clip: 2 * clip / (3 * 4.0**bits) - 2 * math.exp(-clip))


@cache
def gauss_clip(bits: int) -> float:
    """For standard deviation 1: clipping costs 2 * integral of (x - clip)**2 over the tail."""

    def slope(clip: float) -> float:
        tail = math.erfc(clip / math.sqrt(2)) / 2
        density = math.exp(-clip * clip / 2) / math.sqrt(2 * math.pi)
        return 2 * clip / (3 * 4.0**bits) - 4 * (density - clip * tail)

    return _root(slope)


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 64.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high
