"""Automated gradual pruning: a sparsity that grows quickly at first and slowly at the end (Zhu and Gupta, 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from runtime.schedule.groups import GroupType
from runtime.schedule.policy import Moment
from runtime.schedule.pruners.base import Pruner, Weights, as_list, is_fraction
from runtime.schedule.pruners.elements import smallest_elements
from runtime.schedule.pruners.structures import (
    GroupDependency,
    L1RankedStructureParameterPruner,
    L2RankedStructureParameterPruner,
    RankedStructures,
)


class GradualSparsity:
    """`final + (initial - final) * (1 - progress)**3`, from the policy's first epoch to its last."""

    def __init__(self, initial: float, final: float) -> None:
        self.initial = is_fraction(initial, "initial_sparsity")
        self.final = is_fraction(final, "final_sparsity")
        if self.final <= self.initial:
            raise ValueError(f"final_sparsity ({final}) must be above initial_sparsity ({initial})")

    def at(self, progress: float) -> float:
        return self.final + (self.initial - self.final) * (1.0 - progress) ** 3


class AutomatedGradualPruner(Pruner):
    """Prunes single elements, those of the smallest magnitude."""

    parameters_in = "weights"

    def __init__(self, name: str, initial_sparsity: float, final_sparsity: float, weights: list[str] | str) -> None:
        super().__init__(name)
        self.sparsity = GradualSparsity(initial_sparsity, final_sparsity)
        self.weights = as_list(weights)

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        if name not in self.weights:
            return None
        return smallest_elements(weights[name], self.sparsity.at(moment.progress))


class GradualStructures(Pruner):
    """Prunes structures; `ranked` says by which norm."""

    parameters_in = "weights"
    ranked: type[RankedStructures]

    def __init__(
        self,
        name: str,
        initial_sparsity: float,
        final_sparsity: float,
        group_type: GroupType,
        weights: list[str] | str,
        group_dependency: GroupDependency | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name)
        self.sparsity = GradualSparsity(initial_sparsity, final_sparsity)
        self.pruner = self.ranked(name, group_type, 0.0, weights, group_dependency, kwargs)

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        return self.pruner.mask_for(name, weights, self.sparsity.at(moment.progress))


class L1RankedStructureParameterPruner_AGP(GradualStructures):
    """Ranks structures by the sum of their magnitudes."""

    ranked = L1RankedStructureParameterPruner


class L2RankedStructureParameterPruner_AGP(GradualStructures):
    """Ranks structures by the root of the sum of their squares."""

    ranked = L2RankedStructureParameterPruner
