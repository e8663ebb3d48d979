"""Knowledge distillation: the model learns from what another one says, too (Hinton et al., 2015)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runtime.schedule.masks import Masks
from runtime.schedule.policy import LossComponent, Moment, PolicyLoss, ScheduledTrainingPolicy


class DistillationLossWeights(NamedTuple):
    """What each part counts: against the teacher's soft targets, and against the labels."""

    distill: float = 0.5
    student: float = 0.5
    teacher: float = 0.0


class KnowledgeDistillationPolicy(ScheduledTrainingPolicy):
    """Runs `teacher_model` on what the student is given while it trains, and adds their distance to the loss.

    The loss becomes `student * loss + distill * T**2 * KL(teacher || student)`, each at temperature T. The teacher runs
    in evaluation mode and is not trained. The training loop calls the student as ever.
    """

    def __init__(
        self,
        student_model: nn.Module,
        teacher_model: nn.Module,
        temperature: float = 1.0,
        loss_weights: DistillationLossWeights = DistillationLossWeights(),  # noqa: B008  an immutable tuple
    ) -> None:
        if loss_weights.teacher != 0:
            raise ValueError("the teacher is not trained, so the weight of its own loss must be 0")
        if temperature <= 0:
            raise ValueError(f"the temperature must be above 0, not {temperature}")
        self.student = student_model
        self.teacher = teacher_model.eval().requires_grad_(False)
        self.temperature = temperature
        self.loss_weights = loss_weights
        self._active = False
        self._logits: tuple[Tensor, Tensor] | None = None
        student_model.register_forward_hook(self._see, with_kwargs=True)

    @property
    def adds_to_loss(self) -> bool:
        return True

    def forward(self, *inputs: Any) -> Any:
        """Runs the student; Distiller's loops call this in its place."""
        return self.student(*inputs)

    def on_epoch_begin(self, model: nn.Module, masks: Masks, moment: Moment) -> None:
        self._active = True

    def on_epoch_end(self, model: nn.Module, masks: Masks, moment: Moment, metrics: Any) -> None:
        self._active, self._logits = False, None

    def before_backward_pass(self, model: nn.Module, masks: Masks, moment: Moment, loss: Tensor) -> PolicyLoss:
        if self._logits is None:
            raise RuntimeError("the student has not run in training mode since the last minibatch")
        (teacher, student), self._logits = self._logits, None
        distance = F.kl_div(
            F.log_softmax(student / self.temperature, dim=1),
            F.softmax(teacher / self.temperature, dim=1),
            reduction="batchmean",
        )
        weights = self.loss_weights
        whole = weights.student * loss + weights.distill * distance * self.temperature**2
        return PolicyLoss(whole, [LossComponent("Distill Loss", distance)])

    def _see(self, module: nn.Module, args: Any, kwargs: Any, output: Tensor) -> None:
        if self._active and module.training:
            with torch.no_grad():
                self._logits = self.teacher(*args, **kwargs), output

    def state_dict(self) -> dict[str, Any]:
        return {"active": self._active}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._active = state["active"]
