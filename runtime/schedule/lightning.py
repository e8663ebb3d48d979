"""A callback for Lightning, which calls the scheduler where a training loop of one's own would."""

from __future__ import annotations

from typing import Any

from runtime.schedule.scheduler import CompressionScheduler

try:
    from lightning.pytorch.callbacks import Callback
except ImportError as missing:
    raise ImportError("CompressionCallback is for Lightning: pip install lightning") from missing


class CompressionCallback(Callback):  # type: ignore[misc, unused-ignore]
    """`Trainer(callbacks=[CompressionCallback(scheduler)])`; checkpoints of Lightning hold the schedule's state.

    `metric` names the logged metric that a learning rate which waits for a plateau looks at.
    """

    def __init__(self, scheduler: CompressionScheduler, metric: str | None = None) -> None:
        self.scheduler = scheduler
        self.metric = metric

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.scheduler.on_epoch_begin(trainer.current_epoch, self._optimizer(trainer))

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.scheduler.on_minibatch_begin(*self._place(trainer, batch_idx))

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        whole = self.scheduler.before_backward_pass(trainer.current_epoch, loss=loss)
        if whole is not loss:
            loss.copy_(whole)  # Lightning goes on with this very tensor

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self.scheduler.before_parameter_optimization(trainer.current_epoch, optimizer=optimizer)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.scheduler.on_minibatch_end(*self._place(trainer, batch_idx))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        metrics = None if self.metric is None else trainer.callback_metrics[self.metric].item()
        self.scheduler.on_epoch_end(trainer.current_epoch, self._optimizer(trainer), metrics)

    def state_dict(self) -> dict[str, Any]:
        return self.scheduler.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.scheduler.load_state_dict(state_dict)

    def _optimizer(self, trainer: Any) -> Any:
        return trainer.optimizers[0] if trainer.optimizers else None

    def _place(self, trainer: Any, batch_idx: int) -> tuple[int, int, int, Any]:
        return trainer.current_epoch, batch_idx, int(trainer.num_training_batches), self._optimizer(trainer)
