"""What quantization has done to a model's results: noise of the whole and of each layer, against floating point."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.summary import noise_and_results

GOOD_ENOUGH = 20.0
"""Decibels: a hundredth of the results' power is noise."""
_NAMED = 3


@dataclass(frozen=True)
class Result:
    """On one batch."""

    decibels: float
    """Signal to noise of all results together."""
    cosine: float
    """The least of those between the results for each of the batch."""
    layers: Mapping[str, float]
    """Signal to noise of what each layer returns, in decibels: of all that came together up to there."""

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
        text = f"against floating point, on the first batch: {self.decibels:.1f} dB, cosine {self.cosine:.4f}"
        lost = ", ".join(f"{name} ({_range(*loss)})" for name, loss in list(self.losses.items())[:_NAMED])
        return f"{text}; most is lost in {lost}" if lost else text


def _range(before: float, after: float) -> str:
    return f"{after:.1f} dB" if before == float("inf") else f"{before:.1f} to {after:.1f} dB"


def compared(exact: nn.Module, quantized: nn.Module, example: Any) -> Result:
    """Runs both once."""
    args, kwargs = ((), example) if isinstance(example, dict) else (example, {})
    layers, *both = noise_and_results(exact, quantized, args, kwargs)
    wanted, given = ([tensor.double() for tensor in tensors] for tensors in both)
    signal = sum(x.square().sum() for x in wanted)
    error = sum((x - y).square().sum() for x, y in zip(wanted, given, strict=True))
    ratio = torch.as_tensor(signal) / torch.as_tensor(error)
    cosines = [_least_cosine(x, y) for x, y in zip(wanted, given, strict=True)]
    return Result(float(10 * torch.log10(ratio)), min(cosines, default=1.0), layers)


def warn_of_loss(result: Result) -> None:
    """Names the layers, and what would mend them."""
    if not result.decibels < GOOD_ENOUGH:
        return
    worst = list(result.losses)[:_NAMED]
    overrides = "{" + ", ".join(f"{name!r}: {{'bits_activations': None, 'bits_weights': None}}" for name in worst) + "}"
    warnings.warn(
        f"the quantized model is not near the one in floating point: {result}. What may mend it: these layers in "
        f"floating point, overrides={overrides}; improve=['equalize', 'bias_correction']; activation_range='minmax'; "
        "runtime.quantization.sensitivity and accuracy_control measure which layers need it",
        stacklevel=3,
    )


def _least_cosine(exact: Tensor, given: Tensor) -> float:
    if exact.numel() == 0:
        return 1.0
    rows, others = (x.reshape(len(x) if x.dim() > 1 else 1, -1) for x in (exact, given))
    same = (rows == others).all(1)
    return float(torch.where(same, 1.0, torch.cosine_similarity(rows, others, dim=1)).min())
