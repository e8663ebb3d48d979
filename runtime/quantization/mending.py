"""Leaves layers in floating point where what they compute does not fit on integers of 8 bits.

A quantized model that is far from the one in floating point is quantized again, with the layers in floating point in
which most was lost, until it is near enough. Then as many go back on integers as that allows. Who names bits for a
layer has these.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from runtime.quantization.quantizer import Quantizer
from runtime.quantization.result import Result, compared

IN_FLOAT: dict[str, Any] = {"bits_activations": None, "bits_weights": None}
GOAL = 30.0
"""Decibels: a thousandth of the results' power is noise."""
_ROUNDS = 8
_AT_ONCE = 3
_LEAST_GAIN = 0.5
"""Decibels that leaving layers in floating point must bring, or they do not stay there."""


@dataclass
class Quantized:
    """A model, what has quantized it, and how near it is."""

    model: nn.Module
    quantizer: Quantizer
    result: Result
    left: list[str] = field(default_factory=list)
    """The layers that stay in floating point for its sake."""
    without: float = 0.0
    """Decibels with these on integers."""


class Mending:
    """`prepare(model, left)` quantizes all layers but those that are left; `named` are those that nobody else decides
    about."""

    def __init__(
        self,
        reference: nn.Module,
        prepare: Callable[[nn.Module, Sequence[str]], Quantizer],
        examples: Sequence[Any],
        named: Callable[[str], bool],
    ) -> None:
        self.reference, self.prepare, self.examples, self.named = reference, prepare, examples, named

    def of(self, found: Quantized) -> Quantized:
        """The same, or one that is nearer, with as few layers in floating point as that takes."""
        without = found.result.decibels
        at_once = _AT_ONCE
        for _ in range(_ROUNDS):
            worst = self._worst(found)
            if found.result.decibels >= GOAL or not worst:
                break
            nearer = self._with([*found.left, *worst[:at_once]])
            if nearer.result.decibels >= found.result.decibels + _LEAST_GAIN:
                found = nearer
            elif at_once < len(worst):
                at_once *= 2
            else:
                break
        if found.result.decibels >= GOAL and len(found.left) > 1:
            found = self._with_fewer(found)
        found.without = without
        return found

    def _worst(self, found: Quantized) -> list[str]:
        return [name for name in found.result.losses if name not in found.left and not self.named(name)]

    def _with_fewer(self, found: Quantized) -> Quantized:
        """Without those that turn out to do no harm on integers."""
        for name in reversed(found.left):
            fewer = self._with([other for other in found.left if other != name])
            if fewer.result.decibels >= GOAL:
                found = fewer
        return found

    def _with(self, left: list[str]) -> Quantized:
        model = copy.deepcopy(self.reference)
        quantizer = self.prepare(model, left)
        return Quantized(model, quantizer, compared(self.reference, model, self.examples), left)


def overrides_for(left: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {re.escape(name): dict(IN_FLOAT) for name in left}


def warn_of_left(found: Quantized) -> None:
    if found.left:
        warnings.warn(
            f"{', '.join(found.left)}: left in floating point. With all on integers the model came within "
            f"{found.without:.1f} dB of the one in floating point, now {found.result.decibels:.1f} dB",
            stacklevel=3,
        )
