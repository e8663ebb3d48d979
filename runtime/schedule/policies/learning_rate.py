"""Learning rates by any scheduler of torch."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from torch import nn
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from runtime.schedule.masks import Masks
from runtime.schedule.policy import Moment, ScheduledTrainingPolicy

Each = Literal["epoch", "minibatch"]


class LRPolicy(ScheduledTrainingPolicy):
    """Steps a learning rate scheduler at the end of each epoch, or of each minibatch with `each="minibatch"`.

    Epochs that the scheduler names (milestones, step sizes) are epochs of the training, not of the policy.
    """

    def __init__(self, scheduler: LRScheduler, each: Each = "epoch") -> None:
        if each not in ("epoch", "minibatch"):
            raise ValueError(f"each must be 'epoch' or 'minibatch', not {each!r}")
        self.lr_scheduler = scheduler
        self.each = each

    def on_minibatch_end(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        if self.each == "minibatch":
            self._learn_of_new_groups()
            self.lr_scheduler.step()

    def on_epoch_end(self, model: nn.Module, masks: Masks, moment: Moment, metrics: Any) -> None:
        if self.each == "minibatch":
            return
        self._learn_of_new_groups()
        if isinstance(self.lr_scheduler, ReduceLROnPlateau):
            self.lr_scheduler.step(_metric(metrics, self.lr_scheduler.mode))
            return
        self.lr_scheduler.last_epoch = moment.epoch
        self.lr_scheduler._step_count = max(self.lr_scheduler._step_count, 1)
        with warnings.catch_warnings():
            # The optimizer steps in the caller's loop, so this comes after it.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            self.lr_scheduler.step()

    def _learn_of_new_groups(self) -> None:
        """A quantizer may have added groups of parameters since; they follow the last one's rule."""
        groups = self.lr_scheduler.optimizer.param_groups
        for group in groups:
            group.setdefault("initial_lr", group["lr"])
        for attribute, of_group in (("base_lrs", "initial_lr"), ("_last_lr", "lr")):
            known = getattr(self.lr_scheduler, attribute, None)
            if known is not None:
                known.extend(group[of_group] for group in groups[len(known) :])
        for attribute in ("lr_lambdas", "min_lrs"):
            known = getattr(self.lr_scheduler, attribute, None)
            if known:
                known.extend([known[-1]] * (len(groups) - len(known)))

    def state_dict(self) -> dict[str, Any]:
        return dict(self.lr_scheduler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        counters = {key for key, value in vars(self.lr_scheduler).items() if isinstance(value, Counter)}
        self.lr_scheduler.load_state_dict({k: Counter(v) if k in counters else v for k, v in state.items()})


class MultiStepMultiGammaLR(lr_scheduler.LRScheduler):
    """At each milestone the learning rate is multiplied by a factor of its own."""

    def __init__(self, optimizer: Any, milestones: list[int], gammas: list[float], last_epoch: int = -1) -> None:
        if list(milestones) != sorted(milestones):
            raise ValueError(f"milestones must increase, unlike {list(milestones)}")
        if len(milestones) != len(gammas):
            raise ValueError(f"there are {len(milestones)} milestones and {len(gammas)} gammas; each needs one")
        self.factors = dict(zip(milestones, gammas, strict=True))
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        factor = self.factors.get(self.last_epoch, 1.0)
        return [group["lr"] * factor for group in self.optimizer.param_groups]


def _metric(metrics: Any, mode: str) -> Any:
    if metrics is None:
        raise TypeError("ReduceLROnPlateau looks at a metric: pass on_epoch_end(epoch, metrics=validation_loss)")
    return metrics[mode] if isinstance(metrics, Mapping) else metrics
