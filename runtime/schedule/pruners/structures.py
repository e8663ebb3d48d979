"""Pruners of whole structures, ranked by their norm: filters, channels, rows, columns, blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from runtime.schedule.groups import GroupType, block_norms, group_norms, lowest_groups, spread_blocks
from runtime.schedule.policy import Moment
from runtime.schedule.pruners.base import Pruner, Weights, as_list, is_fraction

GroupDependency = Literal["Leader"]


class RankedStructures(Pruner):
    """The given fraction of structures, those of the smallest norm.

    With `group_dependency="Leader"` the first of `weights` is ranked, and the others lose the structures that it
    loses, as weights whose outputs are added have to. `kwargs` holds `block_shape` for `group_type="Blocks"`.
    """

    parameters_in = "weights"
    norm: float

    def __init__(
        self,
        name: str,
        group_type: GroupType,
        desired_sparsity: float,
        weights: list[str] | str,
        group_dependency: GroupDependency | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name)
        if group_type not in get_args(GroupType):
            raise ValueError(f"group_type must be one of {', '.join(get_args(GroupType))}, not {group_type!r}")
        if group_dependency not in (None, "Leader"):
            raise ValueError(f"group_dependency must be 'Leader' or nothing, not {group_dependency!r}")
        self.group_type = group_type
        self.desired_sparsity = is_fraction(desired_sparsity, "desired_sparsity")
        self.weights = as_list(weights)
        self.follows_leader = group_dependency == "Leader"
        self.block_shape = tuple((kwargs or {}).get("block_shape", ()))
        if group_type == "Blocks" and not self.block_shape:
            raise ValueError("group_type 'Blocks' needs kwargs: {block_shape: [filters, channels, height, width]}")

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        return self.mask_for(name, weights, self.desired_sparsity)

    def mask_for(self, name: str, weights: Weights, sparsity: float) -> Tensor | None:
        """The mask of a weight that is to have so many structures pruned."""
        if name not in self.weights or not sparsity:
            return None
        weight = weights[name]
        ranked = weights[self.weights[0]] if self.follows_leader else weight
        if self.group_type == "Blocks":
            stays = lowest_groups(block_norms(ranked.detach(), self.block_shape, self.norm), sparsity)
            stays = spread_blocks(stays, self.block_shape)
        else:
            stays = lowest_groups(group_norms(ranked.detach(), self.group_type, self.norm), sparsity)
        if self.follows_leader:
            self._check_follows(name, weight, stays)
        return torch.broadcast_to(stays, weight.shape).clone()

    def _check_follows(self, name: str, weight: Tensor, stays: Tensor) -> None:
        try:
            torch.broadcast_to(stays, weight.shape)
        except RuntimeError as error:
            raise ValueError(
                f"{self.name}: {name} has shape {tuple(weight.shape)} and cannot lose the structures of its leader "
                f"{self.weights[0]}"
            ) from error


class L1RankedStructureParameterPruner(RankedStructures):
    """Ranks structures by the sum of their magnitudes."""

    norm = 1.0


class L2RankedStructureParameterPruner(RankedStructures):
    """Ranks structures by the root of the sum of their squares."""

    norm = 2.0
