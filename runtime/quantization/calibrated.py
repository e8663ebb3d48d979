"""Post-training quantization of a model from its data, as near to floating point as a goal asks.

Where the result is not near enough, first the weights are rounded anew, which costs nothing when the model runs; then
the layers that bring most noise are given 16 bits, as long as the model does not take much longer for it.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from torch import nn

from runtime.quantization.calibration import Forward, calibrate, rank_of_ranks
from runtime.quantization.compensation import Compensation
from runtime.quantization.costs import costs_of_more_bits
from runtime.quantization.examples import Examples
from runtime.quantization.improvements import MEND, improve_after, improve_before
from runtime.quantization.mending import Left, Mending, Quantized, overrides_for
from runtime.quantization.methods import Method
from runtime.quantization.observers import Statistics
from runtime.quantization.overrides import Overrides, QBits
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.quantizer import Quantizer
from runtime.quantization.recurrent import unobserved
from runtime.quantization.result import compared

HALF = 0.5
"""Of a model's time on 8 bits, which 16 bits may add without being asked for."""
_BATCHES = 4
"""That weights are rounded for."""


@dataclass
class Wanted:
    """What was asked for."""

    method: Method
    settings: Mapping[str, Any]
    improve: Sequence[str]
    goal: float
    inplace: bool

    @property
    def on_8_bits(self) -> bool:
        """Whether nobody has asked for other bits for the whole, which then are what is wanted."""
        return all(self.settings.get(bits, 8) == 8 for bits in ("bits_activations", "bits_weights"))


def calibrated(
    wanted: Wanted,
    model: nn.Module,
    data: Iterable[Any],
    forward: Forward,
    batches: int | None,
    example: Any,
    verbose: bool,
) -> Quantized:
    improve = wanted.improve
    seen = list(islice(data, batches)) if improve else []
    improve_before(model, improve, seen, example)
    reference, examples = copy.deepcopy(model), Examples()
    overrides = Overrides(wanted.settings.get("overrides") or {}, QBits())
    with _progress("calibrating", forward, _number_of(data, batches), verbose) as shown, examples.of(model):
        statistics = calibrate(model, data, shown, batches, unobserved(model, overrides.names))
    trial = _Trial(wanted, statistics, example)
    found = Quantized(model, trial.prepare(model, {}), compared(reference, model, examples.kept))
    alone = rank_of_ranks()[1] == 1
    if found.result.decibels < wanted.goal and alone and wanted.on_8_bits:
        trial.rounding = Compensation(reference, islice(data, _BATCHES), forward)
        _round_anew(found, reference, trial.rounding, examples.kept)
    if MEND in improve or (alone and wanted.on_8_bits and not wanted.inplace):
        limit = None if MEND in improve else HALF
        costs = costs_of_more_bits(reference, examples.kept[0]) if found.result.decibels < wanted.goal else {}
        mending = Mending(reference, trial.prepare, examples.kept, overrides.names, wanted.goal, costs, limit)
        mended = mending.of(found)
        if MEND in improve or mended.result.decibels >= wanted.goal:
            found = mended
    if improve:
        improve_after(found.model, reference, improve, seen)
        found.result = compared(reference, found.model, examples.kept)
    return found


class _Trial:
    """Quantizes copies of one model, from the same statistics."""

    def __init__(self, wanted: Wanted, statistics: Mapping[str, Statistics], example: Any) -> None:
        self.wanted, self.statistics, self.example = wanted, statistics, example
        self.rounding: Compensation | None = None

    def prepare(self, model: nn.Module, left: Left) -> Quantizer:
        settings = {"statistics": self.statistics, **self.wanted.settings}
        settings["overrides"] = {**(settings.get("overrides") or {}), **overrides_for(left)}
        quantizer = self.wanted.method.quantizer(model, **settings)
        prepare(quantizer, self.example)
        if self.rounding is not None:
            self.rounding.apply(model)
        return quantizer


def prepare(quantizer: Quantizer, example: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nothing was quantized")  # an error here
        quantizer.prepare_model(example)


def _round_anew(found: Quantized, reference: nn.Module, rounding: Compensation, examples: Sequence[Any]) -> None:
    """Weights whose errors make up for each other, where that brings the result nearer."""
    layers = [layer for layer in found.model.modules() if isinstance(layer, QuantizedSum)]
    before = [layer.integers.clone() for layer in layers]
    rounding.apply(found.model)
    result = compared(reference, found.model, examples)
    if result.decibels > found.result.decibels:
        found.result = result
        return
    for layer, integers in zip(layers, before, strict=True):
        layer.integers.copy_(integers)


def _number_of(data: Iterable[Any], limit: int | None) -> int | None:
    """How many batches this process will see, if that can be told."""
    if not isinstance(data, Sized):
        return limit
    number = len(data) if limit is None else min(len(data), limit)
    return -(-number // rank_of_ranks()[1])


@contextmanager
def _progress(title: str, forward: Forward, total: int | None, verbose: bool) -> Iterator[Forward]:
    """`forward` with a bar that moves at each batch; where tqdm is not installed, with a line at the end."""
    update, close = _bar(title, total) if verbose else (lambda: None, lambda: None)

    def shown(model: nn.Module, batch: Any) -> Any:
        result = forward(model, batch)
        update()
        return result

    try:
        yield shown
    finally:
        close()


def _bar(title: str, total: int | None) -> tuple[Callable[[], object], Callable[[], object]]:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        done: list[None] = []
        return lambda: done.append(None), lambda: print(f"{title}: {len(done)} batches", file=sys.stderr)
    bar = tqdm(desc=title, total=total, unit="batch")
    return bar.update, bar.close
