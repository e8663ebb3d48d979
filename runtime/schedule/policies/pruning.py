"""Pruning at the beginning of epochs, or every so many minibatches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from runtime.schedule.masks import Mask, Masks
from runtime.schedule.policy import Moment, ScheduledTrainingPolicy
from runtime.schedule.pruners.base import Pruner

_ARGUMENTS = {
    "levels": None,
    "keep_mask": False,
    "mini_batch_pruning_frequency": 0,
    "mask_on_forward_only": False,
    "mask_gradients": False,
    "use_double_copies": False,
    "discard_masks_at_minibatch_end": False,
    "skip_first_minibatch": False,
}


class PruningPolicy(ScheduledTrainingPolicy):
    """Has `pruner` set the masks anew in each of its epochs.

    `pruner_args` are Distiller's: `mini_batch_pruning_frequency` prunes every so many minibatches as well;
    `mask_on_forward_only` lets the optimizer bring back what was pruned, and `use_double_copies` has it step from the
    weights as they were before they were masked, until the policy's last epoch ends with `keep_mask`; `mask_gradients`
    stops gradients of what is pruned; `discard_masks_at_minibatch_end` prunes for one minibatch at a time;
    `skip_first_minibatch` begins with the second one; `levels` replaces those of a level pruner.
    """

    def __init__(self, pruner: Pruner, pruner_args: Mapping[str, Any] | None = None) -> None:
        given = dict(pruner_args or {})
        unknown = sorted(set(given) - set(_ARGUMENTS))
        if unknown:
            raise ValueError(f"a pruning policy does not take {unknown}; it takes {', '.join(_ARGUMENTS)}")
        settings = {**_ARGUMENTS, **given}
        if settings["mask_gradients"] and not settings["mask_on_forward_only"]:
            raise ValueError("mask_gradients needs mask_on_forward_only: otherwise the weights are masked anyway")
        if settings["levels"] is not None:
            if not hasattr(pruner, "levels"):
                raise ValueError(f"levels are for a SparsityLevelParameterPruner, not for {type(pruner).__name__}")
            pruner.levels = settings["levels"]
        self.pruner = pruner
        self.keep_mask = bool(settings["keep_mask"])
        self.every = int(settings["mini_batch_pruning_frequency"])
        self.forward_only = bool(settings["mask_on_forward_only"])
        self.mask_gradients = bool(settings["mask_gradients"])
        self.double_copies = bool(settings["use_double_copies"])
        self.discard = bool(settings["discard_masks_at_minibatch_end"])
        self.skip_first_minibatch = bool(settings["skip_first_minibatch"])
        self.minibatches = 0
        self._mine: set[str] = set()
        self._hooks: list[Any] = []

    def on_epoch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        if not (self.skip_first_minibatch and moment.first):
            self._prune(masks, moment)

    def on_minibatch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        due = self.every and self.minibatches % self.every == 0 and moment.minibatch > 0
        if due or (self.skip_first_minibatch and self.minibatches == 1):
            self._prune(masks, moment)
        self.minibatches += 1
        masks.apply()

    def before_parameter_optimization(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        for mask in self._masks(masks):
            mask.restore_dense()

    def on_minibatch_end(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        if self.discard:
            for mask in self._masks(masks):
                mask.mask = None

    def on_epoch_end(self, model: nn.Module, masks: Masks, moment: Moment, metrics: Any) -> None:
        if not moment.last:
            return
        for mask in self._masks(masks):
            if self.keep_mask or not self.forward_only:
                mask.double_copies = mask.forward_only = False
                mask.apply()
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _prune(self, masks: Masks, moment: Moment) -> None:
        weights = masks.weights()
        for name, mask in masks.items():
            kept = self.pruner.mask(name, weights, moment)
            if kept is not None:
                self._set(name, mask, kept)
        if not self.double_copies:
            masks.apply()

    def _set(self, name: str, mask: Mask, kept: Tensor) -> None:
        mask.mask = kept
        if name not in self._mine:
            self._begin(name, mask)

    def _begin(self, name: str, mask: Mask) -> None:
        self._mine.add(name)
        mask.forward_only, mask.double_copies = self.forward_only, self.double_copies
        if self.mask_gradients:
            hook = mask.parameter.register_hook(lambda gradient: _masked(gradient, mask.mask))  # type: ignore[no-untyped-call]
            self._hooks.append(hook)

    def _masks(self, masks: Masks) -> list[Mask]:
        return [masks[name] for name in self._mine]

    def state_dict(self) -> dict[str, Any]:
        return {"minibatches": self.minibatches, "parameters": sorted(self._mine), "hooks": bool(self._hooks)}

    def prepare_to_load(self, model: nn.Module, masks: Masks, state: dict[str, Any], optimizer: Any) -> None:
        if state["hooks"]:
            for name in state["parameters"]:
                self._begin(name, masks[name])

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.minibatches, self._mine = state["minibatches"], set(state["parameters"])


def _masked(gradient: Tensor, mask: Tensor | None) -> Tensor:
    return gradient if mask is None else gradient.masked_fill(~mask, 0.0)
