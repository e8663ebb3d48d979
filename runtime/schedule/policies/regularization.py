"""Terms of regularizers in the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runtime.schedule.masks import Masks
from runtime.schedule.policy import LossComponent, Moment, PolicyLoss, ScheduledTrainingPolicy
from runtime.schedule.regularizers import Regularizer


class RegularizationPolicy(ScheduledTrainingPolicy):
    """Adds a regularizer's term to the loss; where it has a threshold, what is below is zero after each minibatch.

    With `keep_mask` the last minibatch's zeros stay zero from then on.
    """

    def __init__(self, regularizer: Regularizer, keep_mask: bool = False) -> None:
        self.regularizer = regularizer
        self.keep_mask = keep_mask

    @property
    def adds_to_loss(self) -> bool:
        return True

    def before_backward_pass(self, model: nn.Module, masks: Masks, moment: Moment, loss: Tensor) -> PolicyLoss:
        term = self.regularizer.loss(masks.weights())
        return PolicyLoss(loss + term, [LossComponent(f"{type(self.regularizer).__name__}_loss", term)])

    def on_minibatch_end(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        if self.regularizer.threshold_criteria is None:
            return
        keep = self.keep_mask and moment.last
        for name in self.regularizer.parameters:
            mask = masks[name]
            below = self.regularizer.mask(name, mask.parameter)
            if keep:
                mask.mask = below if mask.mask is None else mask.mask & below
                mask.apply()
            else:
                with torch.no_grad():
                    mask.parameter.masked_fill_(~below, 0.0)
