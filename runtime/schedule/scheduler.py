"""Calls policies at the right points of a training loop that somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from runtime.schedule.masks import Masks
from runtime.schedule.policy import LossComponent, Moment, PolicyLoss, ScheduledTrainingPolicy
from runtime.schedule.random_state import random_state, restore_random_state

Batch = TypeVar("Batch")


class CompressionScheduler:
    """Runs policies in their epochs, and keeps what is pruned at zero.

    Call it in your training loop:

        for epoch in range(scheduler.epoch, epochs):
            scheduler.on_epoch_begin(epoch)
            for minibatch, (x, y) in enumerate(loader):     # or scheduler.minibatches(loader), to be resumed
                scheduler.on_minibatch_begin(epoch, minibatch)
                loss = criterion(model(x), y)
                loss = scheduler.before_backward_pass(epoch, minibatch, loss=loss)
                optimizer.zero_grad()
                loss.backward()
                scheduler.before_parameter_optimization(epoch, minibatch)
                optimizer.step()
                scheduler.on_minibatch_end(epoch, minibatch)
            scheduler.on_epoch_end(epoch)

    `dummy_input` is an example of the model's input, for policies that have to see the model run.
    """

    def __init__(self, model: nn.Module, dummy_input: Any = None) -> None:
        self.model = model
        self.dummy_input = dummy_input
        self.masks = Masks(model)
        self.epoch = 0
        """The epoch that is running, or the next one."""
        self.minibatch = 0
        """How many minibatches of it are done."""
        self._policies: list[tuple[ScheduledTrainingPolicy, list[int]]] = []
        self._begun = False
        self._resumed = False
        self._random_at_begin: dict[str, Any] = {}

    @property
    def zeros_mask_dict(self) -> Masks:
        """Distiller's name for the masks."""
        return self.masks

    @property
    def policies(self) -> list[ScheduledTrainingPolicy]:
        return [policy for policy, _ in self._policies]

    def add_policy(
        self,
        policy: ScheduledTrainingPolicy,
        epochs: Sequence[int] | None = None,
        starting_epoch: int | None = None,
        ending_epoch: int | None = None,
        frequency: int | None = None,
    ) -> None:
        """Runs `policy` in these `epochs`, or in every `frequency`-th from `starting_epoch` up to `ending_epoch`."""
        self._policies.append((policy, active_epochs(epochs, starting_epoch, ending_epoch, frequency)))

    def on_epoch_begin(self, epoch: int, optimizer: Optimizer | None = None) -> None:
        if self._resumed:
            if epoch != self.epoch:
                raise RuntimeError(
                    f"the checkpoint was saved in epoch {self.epoch}, after {self.minibatch} minibatches; "
                    f"go on there, not in epoch {epoch}"
                )
            self._resumed = False  # the policies began this epoch before they were interrupted
            return
        self.epoch, self.minibatch, self._begun = epoch, 0, True
        for policy, moment in self._active(epoch, None, optimizer):
            policy.on_epoch_begin(self.model, self.masks, moment)
        self._random_at_begin = random_state()

    def on_minibatch_begin(
        self,
        epoch: int,
        minibatch_id: int | None = None,
        minibatches_per_epoch: int | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        self._note(epoch, minibatch_id)
        for policy, moment in self._active(epoch, minibatches_per_epoch, optimizer):
            policy.on_minibatch_begin(self.model, self.masks, moment)

    def before_backward_pass(
        self,
        epoch: int,
        minibatch_id: int | None = None,
        minibatches_per_epoch: int | None = None,
        loss: Tensor | None = None,
        optimizer: Optimizer | None = None,
        return_loss_components: bool = False,
    ) -> Any:
        """The loss with what the policies add; with `return_loss_components` also each part by name."""
        self._note(epoch, minibatch_id)
        components: list[LossComponent] = []
        for policy, moment in self._active(epoch, minibatches_per_epoch, optimizer):
            if loss is None:
                if policy.adds_to_loss:
                    raise TypeError(
                        f"{type(policy).__name__} changes the loss: "
                        "write loss = scheduler.before_backward_pass(epoch, minibatch, loss=loss)"
                    )
                continue
            added = policy.before_backward_pass(self.model, self.masks, moment, loss)
            if added is not None:
                loss = added.overall_loss
                components += added.loss_components
        return PolicyLoss(loss, components) if return_loss_components and loss is not None else loss

    def before_parameter_optimization(
        self,
        epoch: int,
        minibatch_id: int | None = None,
        minibatches_per_epoch: int | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        self._note(epoch, minibatch_id)
        for policy, moment in self._active(epoch, minibatches_per_epoch, optimizer):
            policy.before_parameter_optimization(self.model, self.masks, moment)

    def on_minibatch_end(
        self,
        epoch: int,
        minibatch_id: int | None = None,
        minibatches_per_epoch: int | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        self._note(epoch, minibatch_id)
        self.masks.apply(forward=False)  # momentum and weight decay move pruned weights, whatever their gradient
        for policy, moment in self._active(epoch, minibatches_per_epoch, optimizer):
            policy.on_minibatch_end(self.model, self.masks, moment)
        self.minibatch += 1

    def on_epoch_end(self, epoch: int, optimizer: Optimizer | None = None, metrics: Any = None) -> None:
        """`metrics` is for a learning rate that waits for a plateau: a number, or {"min": loss, "max": accuracy}."""
        for policy, moment in self._active(epoch, None, optimizer):
            policy.on_epoch_end(self.model, self.masks, moment, metrics)
        self.epoch, self.minibatch, self._begun = epoch + 1, 0, False

    def minibatches(self, batches: Iterable[Batch]) -> Iterator[tuple[int, Batch]]:
        """The batches with their numbers; after a resumption in mid-epoch, what was left of them, in the same order.

        The order and what else is drawn while iterating is repeated from the random state at the epoch's beginning.
        """
        done, now = self.minibatch, random_state()
        if done:
            restore_random_state(self._random_at_begin)
        numbered = iter(enumerate(batches))
        for number in range(done):
            if next(numbered, None) is None:
                raise ValueError(f"the interrupted epoch had done {done} minibatches, but there are only {number} now")
        if done:
            restore_random_state(now)
        yield from numbered

    def state_dict(self) -> dict[str, Any]:
        """Where the training is, the masks, and what the policies keep."""
        return {
            "epoch": self.epoch,
            "minibatch": self.minibatch,
            "begun": self._begun,
            "random_at_begin": self._random_at_begin,
            "masks": self.masks.state_dict(),
            "policies": [policy.state_dict() for policy in self.policies],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken, with the same policies; the parameters are loaded by themselves."""
        self._check_same_policies(state)
        self.epoch, self.minibatch, self._begun = state["epoch"], state["minibatch"], state["begun"]
        self._resumed = self._begun
        self._random_at_begin = state["random_at_begin"]
        self.masks.load_state_dict(state["masks"])
        for policy, kept in zip(self.policies, state["policies"], strict=True):
            policy.load_state_dict(kept)

    def prepare_to_load(self, state: dict[str, Any], optimizer: Optimizer) -> None:
        """Quantizes and thins the model as far as it was when `state` was taken: then its parameters can be loaded."""
        self._check_same_policies(state)
        for policy, kept in zip(self.policies, state["policies"], strict=True):
            policy.prepare_to_load(self.model, self.masks, kept, optimizer)

    def _check_same_policies(self, state: dict[str, Any]) -> None:
        if len(state["policies"]) != len(self._policies):
            raise ValueError(
                f"the checkpoint is of a schedule with {len(state['policies'])} policies, this one has "
                f"{len(self._policies)}; make the scheduler from the same file"
            )

    def _active(
        self, epoch: int, minibatches: int | None, optimizer: Optimizer | None
    ) -> Iterator[tuple[ScheduledTrainingPolicy, Moment]]:
        for policy, epochs in self._policies:
            if epoch in epochs:
                step = epochs.index(epoch)
                yield policy, Moment(epoch, step, len(epochs), self.minibatch, minibatches, optimizer)

    def _note(self, epoch: int, minibatch: int | None) -> None:
        if not self._begun or epoch != self.epoch:
            raise RuntimeError(f"call on_epoch_begin({epoch}) before the minibatches of epoch {epoch}")
        if minibatch is not None:
            self.minibatch = minibatch


def active_epochs(
    epochs: Sequence[int] | None, starting_epoch: int | None, ending_epoch: int | None, frequency: int | None
) -> list[int]:
    """The epochs that the two ways to write them mean, in order."""
    if epochs is not None:
        if (starting_epoch, ending_epoch, frequency) != (None, None, None):
            raise ValueError("a policy has either epochs, or starting_epoch, ending_epoch and frequency, not both")
        chosen = sorted(set(epochs))
        if not chosen or chosen[0] < 0:
            raise ValueError(f"epochs must be numbers from 0 on, at least one, not {list(epochs)}")
        return chosen
    if starting_epoch is None or ending_epoch is None:
        raise ValueError("a policy needs epochs, or starting_epoch and ending_epoch")
    frequency = 1 if frequency is None else frequency
    if not 0 <= starting_epoch < ending_epoch:
        raise ValueError(
            f"starting_epoch ({starting_epoch}) must be at least 0 and below ending_epoch ({ending_epoch})"
        )
    if not 0 < frequency <= ending_epoch - starting_epoch:
        raise ValueError(
            f"frequency must be from 1 to ending_epoch - starting_epoch ({ending_epoch - starting_epoch}), "
            f"not {frequency}"
        )
    return list(range(starting_epoch, ending_epoch, frequency))
