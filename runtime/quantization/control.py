"""Which layers bear quantization, measured; and a model that keeps as few in floating point as its accuracy asks."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runtime.modules.plain_weights import with_plain_weights
from runtime.quantization.asked import batches_of, check_model, check_overrides, check_settings
from runtime.quantization.calibration import calibrate, evaluating, float_tensors, run_batch
from runtime.quantization.front_door import first_call
from runtime.quantization.inputs import InputError, door
from runtime.quantization.journal import Journal, Progress
from runtime.quantization.mending import IN_FLOAT, overrides_for
from runtime.quantization.methods import find_method
from runtime.quantization.observers import Statistics
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Carried
from runtime.user_line import warn


@dataclass(frozen=True)
class LayerNoise:
    """What one layer on integers, and nothing else, does to the model's results."""

    layer: str
    decibels: float


@door("sensitivity")
def sensitivity(
    model: nn.Module,
    data: Iterable[Any],
    *,
    batches: int = 8,
    path: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> list[LayerNoise]:
    """Each layer alone is put on integers, and the results are compared with those in floating point; worst first.

    `settings` go to `PostTrainLinearQuantizer`. With `path` each measurement is written to a CSV file at once, and what
    stands there is not measured again. The model stays as it is.
    """
    trial = _Trial(model, data, batches, settings)
    layers = trial.layers()
    journal = Journal(path, len(layers), progress)
    found = [LayerNoise(name, journal.measured(name, lambda name=name: trial.noise_of(name))) for name in layers]  # type: ignore[misc]
    return sorted(found, key=lambda one: one.decibels)


@dataclass(frozen=True)
class Controlled:
    """A quantized model that is good enough, or as good as it gets."""

    model: nn.Module
    score: float
    exact_score: float
    """Of the model in floating point."""
    in_float: tuple[str, ...]
    """The layers that stay in floating point."""

    @property
    def overrides(self) -> dict[str, dict[str, Any]]:
        """For `runtime.quantize`, to get such a model again."""
        return overrides_for(dict.fromkeys(self.in_float, IN_FLOAT))


@door("accuracy_control")
def accuracy_control(
    model: nn.Module,
    data: Iterable[Any],
    metric: Callable[[nn.Module], float],
    drop: float = 0.01,
    *,
    batches: int = 8,
    path: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Controlled:
    """A quantized copy that loses no more than `drop` of `metric(model)`, of which more is better.

    Layers go back to floating point, those first that `sensitivity` finds to be worst, until that holds; then each of
    them is tried on integers again. `path` and `progress` are those of `sensitivity`: every measurement is kept.
    """
    exact = float(metric(model))
    ranked = [one.layer for one in sensitivity(model, data, batches=batches, path=path, progress=progress, **settings)]
    trial = _Trial(model, data, batches, settings)
    journal = Journal(path, len(ranked), progress)

    def score(left: Sequence[str]) -> float:
        return journal.measured(" ".join(["without", *sorted(left)]), lambda: metric(trial.quantized(left)))

    low, high = 0, len(ranked)  # as few of the worst as are enough, by halves
    while low < high:
        middle = (low + high) // 2
        if score(ranked[:middle]) >= exact - drop:
            high = middle
        else:
            low = middle + 1
    left = ranked[:low]
    for name in reversed(left[:-1]):
        fewer = [other for other in left if other != name]
        if score(fewer) >= exact - drop:
            left = fewer
    reached = score(left)
    if reached < exact - drop:
        warn(
            f"with every layer that was measured in floating point the model still loses {exact - reached:.3g}, "
            f"more than {drop:g}"
        )
    return Controlled(trial.quantized(left), reached, exact, tuple(left))


class _Trial:
    """Quantizes copies of one model, from statistics that were taken once."""

    def __init__(self, model: nn.Module, data: Iterable[Any], batches: int, settings: Mapping[str, Any]) -> None:
        check_model(model)
        check_settings(find_method("ptq"), settings)
        self.model, self.settings = with_plain_weights(model), dict(settings)
        model = self.model
        check_overrides(model, settings.get("overrides"))
        self.batches = list(islice(batches_of(data), batches))
        if not self.batches:
            raise InputError("data has no batch")
        self.example = first_call(model, self.batches, run_batch)
        self.statistics: Mapping[str, Statistics] = calibrate(model, self.batches)
        self.exact = self._results(model)

    def layers(self) -> list[str]:
        """The modules that quantization puts on integers, as far as they compute."""
        whole = self.quantized(())
        return [
            name
            for name, module in whole.named_modules()
            if isinstance(module, QuantizedModule) and not isinstance(module, Carried)
        ]

    def noise_of(self, name: str) -> float:
        """Decibels, of all results on all batches, with this layer alone on integers."""
        alone = {re.escape(name): {}, ".*": IN_FLOAT}
        results = self._results(self._prepared({**self._own_overrides(), **alone}))
        signal = sum(float(x.square().sum()) for x in self.exact)
        noise = sum(float((x - y).square().sum()) for x, y in zip(self.exact, results, strict=True))
        return float(10 * torch.log10(torch.tensor(signal / noise))) if noise else float("inf")

    def quantized(self, left: Sequence[str]) -> nn.Module:
        """A copy with these layers in floating point."""
        return self._prepared({**overrides_for(dict.fromkeys(left, IN_FLOAT)), **self._own_overrides()})

    def _prepared(self, overrides: Mapping[str, Any]) -> nn.Module:
        copied = copy.deepcopy(self.model)
        settings = {**self.settings, "overrides": overrides, "statistics": self.statistics}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "nothing was quantized|overrides")
            PostTrainLinearQuantizer(copied, **settings).prepare_model(self.example)
        return copied

    def _own_overrides(self) -> Mapping[str, Any]:
        return self.settings.get("overrides") or {}

    def _results(self, model: nn.Module) -> list[torch.Tensor]:
        with evaluating(model), torch.no_grad():
            return [x.double() for batch in self.batches for x in float_tensors(run_batch(model, batch))]
