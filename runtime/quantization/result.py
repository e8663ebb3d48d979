"""What quantization has done to a model's results: noise of the whole and of each layer, against floating point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.examples import as_call
from runtime.quantization.summary import noise_and_results
from runtime.user_line import warn

GOAL = 30.0
"""Decibels: a thousandth of the results' power is noise."""
_NAMED = 3


@dataclass(frozen=True)
class Result:
    """On some batches."""

    decibels: float
    """Signal to noise of the results, of the worst where there are several. A batch of small numbers counts as much as
    one of large ones."""
    cosine: float
    """The least of those between the results for each of the batch."""
    layers: Mapping[str, float]
    """Signal to noise of what each layer returns, in decibels: of all that came together up to there."""
    batches: int = 1

    @property
    def losses(self) -> dict[str, tuple[float, float]]:
        """Where noise comes in: layers whose results have more than any before, with both, the worst first."""
        found, so_far = {}, float("inf")
        for name, decibels in self.layers.items():
            if decibels < so_far:
                found[name] = (so_far, decibels)
                so_far = decibels
        return dict(sorted(found.items(), key=lambda item: min(item[1][0], 60.0) - item[1][1], reverse=True))

    def __str__(self) -> str:
        seen = "the first batch" if self.batches == 1 else f"{self.batches} batches"
        text = f"against floating point, on {seen}: {self.decibels:.1f} dB, cosine {self.cosine:.4f}"
        lost = ", ".join(f"{name} ({_range(*loss)})" for name, loss in list(self.losses.items())[:_NAMED])
        return f"{text}; most is lost in {lost}" if lost else text


def _range(before: float, after: float) -> str:
    return f"{after:.1f} dB" if before == float("inf") else f"from {before:.1f} to {after:.1f} dB"


def compared(exact: nn.Module, quantized: nn.Module, examples: Sequence[Any]) -> Result:
    """Runs both once on each."""
    cosines: list[float] = []
    noises: dict[str | int, list[float]] = {}
    """By the name of a layer, or the place of a result."""
    for example in examples:
        args, kwargs = as_call(example)
        layers, *both = noise_and_results(exact, quantized, args, kwargs)
        wanted, given = ([tensor.double() for tensor in tensors] for tensors in both)
        for place, (x, y) in enumerate(zip(wanted, given, strict=True)):
            signal, error = float(x.square().sum()), float((x - y).square().sum())
            noises.setdefault(place, []).append(error / signal if error and signal else error)
        cosines += [_least_cosine(x, y) for x, y in zip(wanted, given, strict=True)]
        for name, decibels in layers.items():
            noises.setdefault(name, []).append(10 ** (-decibels / 10))
    levels = {name: _decibels(sum(each) / len(each)) for name, each in noises.items()}
    whole = min((level for place, level in levels.items() if isinstance(place, int)), default=float("inf"))
    layers = {name: level for name, level in levels.items() if isinstance(name, str)}
    return Result(whole, min(cosines, default=1.0), layers, len(examples))


def _decibels(noise: float) -> float:
    return -10 * math.log10(noise) if noise else float("inf")


def warn_of_loss(result: Result, goal: float, mended: bool) -> None:
    """Names the layers, and what mends them."""
    if not result.decibels < goal:
        return
    remedy = (
        "No layer that is left on integers can be given more bits: what it has is what the overrides ask for"
        if mended
        else "improve=['mend'] mends it: as many layers as it takes get 16 bits, or stay in floating point. "
        "runtime.quantization.sensitivity and accuracy_control measure which layers need it for a metric of yours"
    )
    warn(
        f"the quantized model is {result.decibels:.1f} dB from the one in floating point, which is less than "
        f"{goal:g}: {result}. {remedy}"
    )


def _least_cosine(exact: Tensor, given: Tensor) -> float:
    if exact.numel() == 0:
        return 1.0
    rows, others = (x.reshape(len(x) if x.dim() > 1 else 1, -1) for x in (exact, given))
    same = (rows == others).all(1)
    return float(torch.where(same, 1.0, torch.cosine_similarity(rows, others, dim=1)).min())
