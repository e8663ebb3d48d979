"""Sums that do not depend on order, so that the sum over many processes is the sum over one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ldexp

import torch
from torch import Tensor

_UNIT = 149
"""Every float32 is a whole multiple of 2**-149."""


@dataclass
class ExactSum:
    """The sum of float32 numbers, in whole multiples of the smallest of them."""

    units: int = 0

    def add(self, values: Tensor) -> None:
        scaled = values.to(torch.float64) * 2.0**_UNIT  # exact: float64 reaches 2**1023
        self.units += sum(map(int, scaled.tolist()))

    def merge(self, other: ExactSum) -> None:
        self.units += other.units

    def mean(self, count: int) -> float:
        """The nearest float64 of the exact quotient."""
        return self.units / (count << _UNIT)

    def to_floats(self) -> list[float]:
        """Numbers whose exact sum this is, each the nearest float64 of what is left; nearly always one or two."""
        floats, rest = [], self.units
        while rest:
            nearest = rest / (1 << _UNIT)
            floats.append(nearest)
            rest -= int(ldexp(nearest, _UNIT))
        return floats

    @classmethod
    def from_floats(cls, floats: Iterable[float]) -> ExactSum:
        return cls(sum(int(ldexp(number, _UNIT)) for number in floats))
