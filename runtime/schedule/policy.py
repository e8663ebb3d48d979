"""What a policy is: something that acts at certain points of the training, in certain epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.optim import Optimizer

from runtime.schedule.masks import Masks


@dataclass(frozen=True)
class Moment:
    """Where the training is, as one policy sees it."""

    epoch: int
    step: int
    """How many of the policy's epochs came before this one."""
    steps: int
    """How many epochs the policy has."""
    minibatch: int
    """How many minibatches of this epoch are done."""
    minibatches: int | None
    """How many the epoch has, if the training loop said so."""
    optimizer: Optimizer | None

    @property
    def first(self) -> bool:
        return self.step == 0

    @property
    def last(self) -> bool:
        return self.step == self.steps - 1

    @property
    def progress(self) -> float:
        """From 0 in the policy's first epoch to 1 in its last one."""
        return self.step / (self.steps - 1) if self.steps > 1 else 1.0


class LossComponent(NamedTuple):
    """A part of the loss, for a log."""

    name: str
    value: Tensor


class PolicyLoss(NamedTuple):
    """The whole loss, and what a policy added to it."""

    overall_loss: Tensor
    loss_components: list[LossComponent]


class ScheduledTrainingPolicy:
    """The callbacks of a policy; each does nothing unless a subclass says otherwise."""

    def on_epoch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        """Before the first minibatch of an epoch."""

    def on_minibatch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        """Before the forward pass."""

    def before_backward_pass(self, model: nn.Module, masks: Masks, moment: Moment, loss: Tensor) -> PolicyLoss | None:
        """Between the forward and the backward pass. What it returns takes the place of `loss`."""
        return None

    @property
    def adds_to_loss(self) -> bool:
        """Whether `before_backward_pass` needs the loss."""
        return False

    def before_parameter_optimization(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        """Between the backward pass and the optimizer's step."""

    def on_minibatch_end(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        """After the optimizer's step, when pruned weights are zero again."""

    def on_epoch_end(self, model: nn.Module, masks: Masks, moment: Moment, metrics: Any) -> None:
        """After the last minibatch of an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: numbers, strings, tensors, and lists and dictionaries of them."""
        return {}

    def prepare_to_load(self, model: nn.Module, masks: Masks, state: dict[str, Any], optimizer: Any) -> None:
        """Changes the model to what it was when `state` was saved, before its parameters are loaded."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned."""
