"""What happened in each epoch, told to TensorBoard or to any function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from runtime.schedule.masks import Masks
from runtime.schedule.policy import Moment, ScheduledTrainingPolicy

Track = Callable[[str, Any, int], object]
"""Is told a name, a number or a tensor whose distribution counts, and the epoch."""


class TrackingPolicy(ScheduledTrainingPolicy):
    """Tells `track` the mean loss, the metrics, the learning rates and the sparsities at the end of each epoch.

    With `histograms` it is told the weights, too. Added first it sees the loss without what policies add, added last
    with it.
    """

    def __init__(self, track: Track, histograms: bool = False) -> None:
        self.track = track
        self.histograms = histograms
        self._loss = torch.zeros((), dtype=torch.float64)
        self._minibatches = 0

    def before_backward_pass(self, model: nn.Module, masks: Masks, moment: Moment, loss: Tensor) -> None:
        self._loss += loss.detach().double().cpu()
        self._minibatches += 1

    def on_epoch_end(self, model: nn.Module, masks: Masks, moment: Moment, metrics: Any) -> None:
        epoch = moment.epoch
        if self._minibatches:
            self.track("loss", self._loss.item() / self._minibatches, epoch)
        self._loss, self._minibatches = torch.zeros((), dtype=torch.float64), 0
        if metrics is not None:
            for name, value in (metrics if isinstance(metrics, Mapping) else {"metric": metrics}).items():
                self.track(str(name), float(value), epoch)
        for number, group in enumerate(moment.optimizer.param_groups if moment.optimizer else ()):
            self.track(f"learning rate/{number}", float(group["lr"]), epoch)
        self._track_weights(masks, epoch)

    def _track_weights(self, masks: Masks, epoch: int) -> None:
        zeros = total = 0
        for name, mask in masks.items():
            weight = mask.parameter.detach()
            if weight.dim() < 2:
                continue
            zero = int((weight == 0).sum())
            zeros, total = zeros + zero, total + weight.numel()
            self.track(f"sparsity/{name}", zero / weight.numel(), epoch)
            if self.histograms:
                self.track(f"weights/{name}", weight, epoch)
        self.track("sparsity", zeros / max(total, 1), epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self._loss.clone(), "minibatches": self._minibatches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._loss, self._minibatches = state["loss"].clone(), state["minibatches"]


def tensorboard(writer: Any) -> Track:
    """Tells a `torch.utils.tensorboard.SummaryWriter`: numbers as scalars, tensors as histograms."""

    def track(name: str, value: Any, step: int) -> None:
        if isinstance(value, Tensor):
            writer.add_histogram(name, value, step)
        else:
            writer.add_scalar(name, value, step)

    return track
