"""Gives layers more bits where what they compute does not fit on integers of 8 bits.

A quantized model that is far from the one in floating point is quantized again, with those layers on 16 bits in which
most was lost, until it is near enough; where 16 bits do not help, or there are none, a layer is left in floating point.
Then as many go back on 8 bits as that allows. Who names bits for a layer has these.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from runtime.modules.places import module_of
from runtime.quantization.arithmetic import WideGrid
from runtime.quantization.attribution import Noise, noise_shares
from runtime.quantization.examples import as_call
from runtime.quantization.quantized.sums import is_sum
from runtime.quantization.quantizer import Quantizer
from runtime.quantization.result import Result, compared
from runtime.user_line import warn

Bits = Mapping[str, int | None]
ON_16_BITS: Bits = {"bits_activations": WideGrid().bits}
IN_FLOAT: Bits = {"bits_activations": None, "bits_weights": None}
Left = Mapping[str, Bits]
"""What holds for some layers in place of 8 bits."""
_LEAST_GAIN = 0.5
"""Decibels that more bits for some layers must bring, or they do not get them."""
_MOST = 1000.0
"""How much less noise than enough is worth a try."""
_FEW = 5
"""One of so many layers may get more bits within a budget: what is around it computes in floating point then."""
_AT_LEAST = 4
"""As many may, however few there are."""
_HOPELESS = 4.0
"""How much more noise than enough must not be left, or nothing is tried within a budget."""
_TRIED_AGAIN = 8
"""Layers that are tried on 8 bits again, of those that were changed last."""


@dataclass
class Quantized:
    """A model, what has quantized it, and how near it is."""

    model: nn.Module
    quantizer: Quantizer
    result: Result
    left: Left = field(default_factory=dict)
    """The layers that have more bits for its sake."""
    without: float = 0.0
    """Decibels with these on 8 bits."""

    def __str__(self) -> str:
        """What was done besides, for who reads the summary."""
        given = [name for name, bits in self.left.items() if bits == ON_16_BITS]
        return f"\ngiven 16 bits ({self.without:.1f} dB without): {', '.join(given)}" if given else ""


class Mending:
    """`prepare(model, left)` quantizes a model with these bits for some layers; `named` are those that nobody else
    decides about. `costs` are what more bits for a layer add to the model's time, which may grow by the `budget`, or
    by whatever it takes."""

    def __init__(
        self,
        reference: nn.Module,
        prepare: Callable[[nn.Module, Left], Quantizer],
        examples: Sequence[Any],
        named: Callable[[str], bool],
        goal: float,
        costs: Mapping[str, float] | None = None,
        budget: float | None = None,
    ) -> None:
        self.reference, self.prepare, self.examples, self.named = reference, prepare, examples, named
        self.goal, self.costs, self.budget = goal, costs or {}, budget

    def of(self, found: Quantized) -> Quantized:
        """The same, or one that is nearer, with as few layers on more bits as that takes."""
        without, more_than_enough = found.result.decibels, 1.0
        while found.result.decibels < self.goal:
            more = self._more(found, more_than_enough)
            if not more:
                break
            nearer = self._with({**found.left, **more})
            if nearer.result.decibels >= found.result.decibels + _LEAST_GAIN:
                found = nearer
            elif more_than_enough > _MOST:
                break
            more_than_enough *= 4
        if found.result.decibels >= self.goal and len(found.left) > 1:
            found = self._with_fewer(found)
        found.without = without
        return found

    def _more(self, found: Quantized, more_than_enough: float) -> Left:
        """More bits for layers that bring noise, until what is left of it is so much less than it may be."""
        noises, enough = self._noises(found), 10 ** (-self.goal / 10)
        noise = sum(of.now for of in noises.values())
        spent = sum(self.costs.get(name, 0.0) for name in found.left)
        most = len(noises) if self.budget is None else max(_AT_LEAST, len(noises) // _FEW)
        more: dict[str, Bits] = {}
        for gain, name, bits in sorted(self._gains(found, noises), key=lambda one: one[0], reverse=True):
            cost = 0.0 if name in found.left else self.costs.get(name, 0.0)
            if noise * more_than_enough <= enough and more:
                break
            few = name in found.left or len(found.left.keys() | more.keys()) < most
            if gain > 0 and few and (self.budget is None or spent + cost <= self.budget):
                more[name] = bits
                noise, spent = noise - gain, spent + cost
        hopeless = self.budget is not None and noise > _HOPELESS * enough
        return {} if hopeless else more

    def _gains(self, found: Quantized, noises: Mapping[str, Noise]) -> Iterator[tuple[float, str, Bits]]:
        for name, noise in noises.items():
            before = found.left.get(name)
            if self.named(name) or before == IN_FLOAT:
                continue
            sums = is_sum(module_of(self.reference.get_submodule(name)))
            if sums and before is None and noise.of_weights < noise.now / 2:
                yield noise.now - noise.of_weights, name, ON_16_BITS
            elif self.budget is None or not sums:
                yield noise.now, name, IN_FLOAT

    def _noises(self, found: Quantized) -> dict[str, Noise]:
        """On the first example. Of a model without derivatives what comes in behind each layer, as if all of it were to
        reach the results."""
        args, kwargs = as_call(self.examples[0])
        try:
            return noise_shares(self.reference, found.model, args, kwargs)
        except RuntimeError:
            losses = found.result.losses.items()
            return {name: Noise(10 ** (-after / 10), 0.0) for name, (_, after) in losses}

    def _with_fewer(self, found: Quantized) -> Quantized:
        """Without those that turn out to do no harm on 8 bits."""
        for name in list(found.left)[: -_TRIED_AGAIN - 1 : -1]:
            fewer = self._with({other: bits for other, bits in found.left.items() if other != name})
            if fewer.result.decibels >= self.goal:
                found = fewer
        return found

    def _with(self, left: Left) -> Quantized:
        model = copy.deepcopy(self.reference)
        quantizer = self.prepare(model, left)
        return Quantized(model, quantizer, compared(self.reference, model, self.examples), left)


def overrides_for(left: Left) -> dict[str, dict[str, Any]]:
    return {re.escape(name): dict(bits) for name, bits in left.items()}


def warn_of_left(found: Quantized) -> None:
    left = [name for name, bits in found.left.items() if bits == IN_FLOAT]
    if left:
        warn(
            f"{', '.join(left)}: left in floating point. With all on integers the model came within "
            f"{found.without:.1f} dB of the one in floating point, now {found.result.decibels:.1f} dB"
        )
