"""What lifts the accuracy of post-training quantization, by name and in the order in which each has to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import nn

from runtime.quantization.adaround import adaround
from runtime.quantization.bias_correction import correct_biases
from runtime.quantization.equalization import equalize
from runtime.quantization.smooth import smooth

Batches = Sequence[Any]

BEFORE: dict[str, Callable[[nn.Module, Batches, Any], object]] = {
    "equalize": lambda model, batches, example: equalize(model, example),
    "smooth": lambda model, batches, example: smooth(model, batches, example),
}
"""On the floating-point model, before its statistics are taken."""

MEND = "mend"
"""Leaves layers in floating point that 8 bits cannot hold (`runtime.quantization.mending`)."""

AFTER: dict[str, Callable[[nn.Module, nn.Module, Batches], object]] = {
    "adaround": lambda quantized, reference, batches: adaround(quantized, reference, batches),
    "bias_correction": lambda quantized, reference, batches: correct_biases(quantized, reference, batches[0]),
}
"""On the quantized model, beside the one in floating point."""


def check_names(chosen: Iterable[str]) -> None:
    known = [*BEFORE, MEND, *AFTER]
    for name in chosen:
        if name not in known:
            raise ValueError(f"no improvement is called {name!r}; there are {', '.join(known)}")


def improve_before(model: nn.Module, chosen: Iterable[str], batches: Batches, example: Any) -> None:
    for name in BEFORE:
        if name in chosen:
            BEFORE[name](model, batches, example)


def improve_after(quantized: nn.Module, reference: nn.Module, chosen: Iterable[str], batches: Batches) -> None:
    for name in AFTER:
        if name in chosen:
            AFTER[name](quantized, reference, batches)
