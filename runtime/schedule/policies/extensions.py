"""Policies that a schedule's file can name as extensions: thinning."""

from __future__ import annotations

from typing import Any

from torch import nn

from runtime.quantization.metadata import unwrapped
from runtime.schedule.masks import Masks
from runtime.schedule.policy import Moment, ScheduledTrainingPolicy
from runtime.schedule.thinning import Recipe, apply_recipe, thin

__all__ = ["ChannelRemover", "FilterRemover"]


class FilterRemover(ScheduledTrainingPolicy):
    """Thins the model at the beginning of each of its epochs: what is pruned whole is removed.

    `dummy_input` is an example of the model's input; Distiller's names of a network and of a data set, of which it made
    one, are taken and not needed.
    """

    def __init__(
        self,
        dummy_input: Any = None,
        optimizer: Any = None,
        thinning_func_str: str | None = None,
        arch: str | None = None,
        dataset: str | None = None,
    ) -> None:
        if dummy_input is None:
            raise ValueError("thinning has to see the model run: pass dummy_input to file_config")
        self.dummy_input = dummy_input
        self.optimizer = optimizer
        self.recipes: list[Recipe] = []

    def on_epoch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        recipe = thin(model, self.dummy_input, masks, moment.optimizer or self.optimizer)
        if recipe:
            self.recipes.append(recipe)

    def state_dict(self) -> dict[str, Any]:
        return {"recipes": [recipe.plain() for recipe in self.recipes]}

    def prepare_to_load(self, model: nn.Module, masks: Masks, state: dict[str, Any], optimizer: Any) -> None:
        for plain in state["recipes"][len(self.recipes) :]:
            recipe = Recipe.from_plain(plain)
            apply_recipe(unwrapped(model), recipe)
            self.recipes.append(recipe)


class ChannelRemover(FilterRemover):
    """The same: filters and channels are removed alike."""
