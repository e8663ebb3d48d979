"""Pruners of single elements: below a threshold, below one that follows the weight's spread, or so many of them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn.utils import prune

from runtime.schedule.policy import Moment
from runtime.schedule.pruners.base import Pruner, Weights, above, all_stay, by_name, is_fraction

DEFAULT = "*"


class MagnitudeParameterPruner(Pruner):
    """Elements whose magnitude is not above a threshold; `thresholds` by parameter, "*" for all others."""

    parameters_in = "thresholds"

    def __init__(self, name: str, thresholds: Mapping[str, float]) -> None:
        super().__init__(name)
        if DEFAULT not in thresholds:
            raise ValueError("thresholds needs a default for the parameters that it does not name, under '*'")
        self.thresholds = by_name(thresholds)

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        threshold = self.thresholds.get(name, self.thresholds[DEFAULT])
        return above(weights[name], threshold)


class SensitivityPruner(Pruner):
    """Elements whose magnitude is not above `sensitivity` times the standard deviation of the weight.

    The threshold is that of the first time: as elements go, more of those that stay are drawn below it
    (Han et al., 2015).
    """

    parameters_in = "sensitivities"

    def __init__(self, name: str, sensitivities: Mapping[str, float]) -> None:
        super().__init__(name)
        self.sensitivities = by_name(sensitivities)

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        sensitivity = self.sensitivities.get(name, self.sensitivities.get(DEFAULT))
        if sensitivity is None:
            return None
        return above(weights[name], sensitivity * weights[name].detach().std().item())


class SparsityLevelParameterPruner(Pruner):
    """The given fraction of elements, those of the smallest magnitude; `levels` by parameter, "*" for all others."""

    parameters_in = "levels"

    def __init__(self, name: str, levels: Mapping[str, float]) -> None:
        super().__init__(name)
        self.levels = by_name(levels)
        for parameter, level in self.levels.items():
            is_fraction(level, f"levels[{parameter!r}]")

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        level = self.levels.get(name, self.levels.get(DEFAULT, 0.0))
        return smallest_elements(weights[name], level) if level else None


def smallest_elements(weight: Tensor, fraction: float) -> Tensor:
    """False for this fraction of elements, those of the smallest magnitude."""
    plain = weight.detach().contiguous()  # torch flattens a view of it
    kept: Tensor = prune.L1Unstructured(fraction).compute_mask(plain, all_stay(plain))  # type: ignore[no-untyped-call]
    return kept.bool()
