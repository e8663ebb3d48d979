"""Pruning of whole channels wherever they go: the filters that write them and the normalizations between."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.metadata import unwrapped
from runtime.schedule.channels import ChannelGroup, channel_groups, output_dimension, weights_of
from runtime.schedule.policy import Moment
from runtime.schedule.pruners.base import Pruner, Weights, is_fraction
from runtime.schedule.pruners.gradual import GradualSparsity


class CoupledFilterPruner(Pruner):
    """The given fraction of channels of every group of layers whose channels can only be removed together.

    Where layers' outputs are added their filters go together, ranked by the sum of their magnitudes, and so do biases
    and normalizations: what is pruned can be thinned, and the thinned model returns the same. With `initial_sparsity`
    the fraction grows as in automated gradual pruning.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        dummy_input: Any,
        desired_sparsity: float,
        initial_sparsity: float | None = None,
    ) -> None:
        super().__init__(name)
        if dummy_input is None:
            raise ValueError("which filters belong together is seen when the model runs: pass dummy_input")
        self.model = unwrapped(model)
        self.dummy_input = dummy_input
        self.sparsity = is_fraction(desired_sparsity, "desired_sparsity")
        self.growing = None if initial_sparsity is None else GradualSparsity(initial_sparsity, desired_sparsity)
        self._groups: list[ChannelGroup] = []
        self._shapes: list[torch.Size] = []
        self._made: tuple[Moment | None, dict[str, Tensor]] = None, {}

    def mask(self, name: str, weights: Weights, moment: Moment) -> Tensor | None:
        if self._made[0] is not moment:
            sparsity = self.growing.at(moment.progress) if self.growing else self.sparsity
            self._made = moment, self._masks(weights, sparsity)
        return self._made[1].get(name)

    def _masks(self, weights: Weights, sparsity: float) -> dict[str, Tensor]:
        masks: dict[str, Tensor] = {}
        for group in self._current_groups(weights):
            gone = self._lowest(group, sparsity)
            for member in group.members:
                if member.role == "consumes":
                    continue
                places = [place for channel in gone for place in member.places[channel]]
                layer = self.model.get_submodule(member.layer)
                for attribute in ("weight", "bias"):
                    name = f"{member.layer}.{attribute}"
                    if name in weights and not isinstance(layer, nn.PReLU):
                        kept = masks.setdefault(name, torch.ones_like(weights[name], dtype=torch.bool))
                        kept.movedim(min(output_dimension(layer), kept.dim() - 1), 0)[places] = False
        return masks

    def _lowest(self, group: ChannelGroup, sparsity: float) -> list[int]:
        magnitudes = torch.zeros(group.channels)
        for weight, places in weights_of(self.model, group, "produces"):
            rows = weight.flatten(1).abs().sum(1).cpu()
            magnitudes += torch.stack([rows[place].sum() for place in places])
        return magnitudes.argsort(stable=True)[: int(sparsity * group.channels)].tolist()

    def _current_groups(self, weights: Weights) -> list[ChannelGroup]:
        shapes = [weight.shape for weight in weights.values()]
        if shapes != self._shapes:  # thinning has made the layers smaller
            self._groups, self._shapes = channel_groups(self.model, self.dummy_input), shapes
        return self._groups
