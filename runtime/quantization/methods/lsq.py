"""LSQ: step sizes are parameters, trained with a gradient of their own (Esser et al., 2020)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.arithmetic import PER_TENSOR, SMALLEST_SCALE, Granularity, Grid, QParams
from runtime.quantization.aware import TrainingQuantizer
from runtime.quantization.methods import method
from runtime.quantization.methods.qat import EIGHT_BITS
from runtime.quantization.training_steps import Observing


class _LearnedStep(torch.autograd.Function):
    """`clamp(round(x / step), low, high) * step`; the gradient of the step by the paper's equation 3."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, grid: Grid, factor: float) -> Tensor:
        ctx.save_for_backward(x, step)
        ctx.grid, ctx.factor = grid, factor
        return torch.round(x * step.reciprocal()).clamp_(grid.low, grid.high).mul_(step)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, step = ctx.saved_tensors
        (gradient,) = gradients
        level = x * step.reciprocal()
        held = level.clamp(ctx.grid.low, ctx.grid.high)
        inside = held == level
        of_step = torch.where(inside, torch.round(level) - level, held)
        of_step = (gradient * of_step).sum_to_size(step.shape) * ctx.factor
        return torch.where(inside, gradient, torch.zeros_like(gradient)), of_step, None, None


class LearnedStepQuantizer(Observing):
    """A grid about zero whose step is a parameter; it begins at twice the mean magnitude over the root of the levels.

    For a weight that is known at once. For an activation it is the mean over the first training step and all processes
    that train together; until then values pass as they are.
    """

    started: Tensor
    sums: Tensor

    def __init__(self, grid: Grid, granularity: Granularity = PER_TENSOR, weight: Tensor | None = None) -> None:
        super().__init__()
        self.grid = grid
        self.granularity = granularity
        self.of_weight = weight is not None
        step = torch.ones(())
        if weight is not None:
            magnitude = granularity.blocks(weight.detach().to(torch.float32)).abs().mean(dim=-1)
            step = self._first_step(magnitude)
        self.scale = nn.Parameter(step)
        self.register_buffer("started", torch.tensor(self.of_weight))
        self.register_buffer("sums", torch.zeros(2, dtype=torch.float64), persistent=False)

    @property
    def observed(self) -> bool:
        return bool(self.started)

    def qparams(self) -> QParams:
        if not self.started:
            raise RuntimeError("no step size yet: run a training batch through the model first")
        scale = self.scale.detach().clamp(min=SMALLEST_SCALE)
        return QParams(scale, torch.zeros_like(scale, dtype=torch.int32), self.grid, self.granularity)

    def forward(self, x: Tensor) -> Tensor:
        if not self.started and self.training:
            self.sums += torch.stack([x.detach().abs().sum(dtype=torch.float64), self.sums.new_tensor(x.numel())])
        if not (self.quantizing and self.started):
            self.skipped = self.quantizing and not self.training
            return x + 0.0 * self.scale.sum()  # a parameter that is not used would stop DistributedDataParallel
        # A step below zero has no meaning; it is held at the smallest number, and gradients can bring it back.
        step = self.scale + (self.scale.clamp(min=SMALLEST_SCALE) - self.scale).detach()
        quantized: Tensor = _LearnedStep.apply(  # type: ignore[no-untyped-call]
            x, self.granularity.spread(step, x).to(x.dtype), self.grid, self._gradient_factor(x)
        )
        return quantized

    def gathered(self) -> tuple[Tensor, Tensor]:
        return self.sums.new_empty(0), self.sums.new_empty(0) if self.of_weight else self.sums

    def finish_step(self, least: Tensor, total: Tensor) -> None:
        if self.started or not total.numel() or total[1] == 0:
            return
        with torch.no_grad():
            self.scale.copy_(self._first_step(total[0] / total[1]))
        self.started.fill_(True)
        self.sums.zero_()

    def _first_step(self, magnitude: Tensor) -> Tensor:
        return (2 * magnitude / math.sqrt(self.grid.high)).clamp(min=SMALLEST_SCALE).to(torch.float32)

    def _gradient_factor(self, x: Tensor) -> float:
        """One over the root of elements times levels: elements of a channel's weights, or of one sample's values."""
        elements = x.numel() / max(self.scale.numel(), 1) if self.of_weight else x.numel() / max(len(x), 1)
        return 1 / math.sqrt(max(elements, 1.0) * self.grid.high)

    def extra_repr(self) -> str:
        return f"bits={self.grid.bits}, {'signed' if self.grid.signed else 'unsigned'}"


@method("lsq", "returns a model to be trained, which learns the steps of its grids as well", defaults=EIGHT_BITS)
class LSQQuantizer(TrainingQuantizer):
    """Learned steps for weights and values. They join the optimizer without weight decay."""

    def weight_quantizer(self, weight: nn.Parameter, bits: int, granularity: Granularity) -> nn.Module:
        return LearnedStepQuantizer(Grid(bits, signed=True, restricted=bits > 2), granularity, weight)

    def activation_quantizer(self, bits: int, never_negative: bool) -> nn.Module:
        return LearnedStepQuantizer(Grid(bits, signed=not never_negative))

    def _new_parameter_groups(self, new: dict[str, nn.Parameter]) -> list[dict[str, Any]]:
        return [{"params": list(new.values()), "weight_decay": 0.0}]
