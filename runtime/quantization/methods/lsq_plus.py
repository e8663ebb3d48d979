"""LSQ+: values have a learned offset beside the learned step (Bhalgat et al., 2020).

For activations that are a little below zero, as those of SiLU, GELU and Hardswish: a grid about zero would spend half
of its integers on them. The offset is learned as a zero point, which is rounded, so that integers compute the same.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from runtime.quantization.arithmetic import PER_TENSOR, SMALLEST_SCALE, Grid, QParams, qparams_from_range
from runtime.quantization.methods import method
from runtime.quantization.methods.lsq import LSQQuantizer
from runtime.quantization.methods.qat import EIGHT_BITS
from runtime.quantization.straight_through import round_straight_through
from runtime.quantization.training_steps import Observing


class LearnedGridQuantizer(Observing):
    """A grid whose step and zero point are parameters; it begins at the range of the first training step.

    Until then values pass as they are.
    """

    started: Tensor
    least: Tensor
    """Of the values, and of the values times -1."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.granularity = PER_TENSOR
        self.scale = nn.Parameter(torch.ones(()))
        self.zero_point = nn.Parameter(torch.zeros(()))
        self.register_buffer("started", torch.tensor(False))
        self.register_buffer("least", torch.full((2,), math.inf), persistent=False)

    @property
    def observed(self) -> bool:
        return bool(self.started)

    def qparams(self) -> QParams:
        if not self.started:
            raise RuntimeError("no grid yet: run a training batch through the model first")
        scale = self.scale.detach().clamp(min=SMALLEST_SCALE)
        zero_point = torch.round(self._zero_point().detach()).to(torch.int32)
        return QParams(scale, zero_point, self.grid, self.granularity)

    def forward(self, x: Tensor) -> Tensor:
        if not self.started and self.training:
            ends = torch.stack([x.detach().amin(), -x.detach().amax()]).to(self.least.dtype)
            self.least = torch.minimum(self.least, ends)
        if not (self.quantizing and self.started):
            self.skipped = self.quantizing and not self.training
            return x + 0.0 * (self.scale + self.zero_point)  # parameters without use stop DistributedDataParallel
        factor = self._gradient_factor(x)
        step = self.scale + (self.scale.clamp(min=SMALLEST_SCALE) - self.scale).detach()
        step, zero_point = (_with_gradient_of(factor, given) for given in (step, self._zero_point()))
        zero_point = round_straight_through(zero_point)
        level = (round_straight_through(x * step.reciprocal()) + zero_point).clamp(self.grid.low, self.grid.high)
        return ((level - zero_point) * step).to(x.dtype)

    def gathered(self) -> tuple[Tensor, Tensor]:
        return self.least, self.least.new_empty(0)

    def finish_step(self, least: Tensor, total: Tensor) -> None:
        if self.started or not torch.isfinite(least).all():
            return
        begins = qparams_from_range(least[0], -least[1], self.grid, symmetric=False)
        with torch.no_grad():
            self.scale.copy_(begins.scale)
            self.zero_point.copy_(begins.zero_point)
        self.started.fill_(True)

    def _zero_point(self) -> Tensor:
        """On the grid, whatever was learned; the gradient passes, so that it can come back."""
        return self.zero_point + (self.zero_point.clamp(self.grid.low, self.grid.high) - self.zero_point).detach()

    def _gradient_factor(self, x: Tensor) -> float:
        """As for LSQ: one over the root of one sample's values times the levels."""
        return 1 / math.sqrt(max(x.numel() / max(len(x), 1), 1.0) * self.grid.steps)

    def extra_repr(self) -> str:
        return f"bits={self.grid.bits}"


def _with_gradient_of(factor: float, given: Tensor) -> Tensor:
    """The same number, whose gradient is multiplied."""
    return given.detach() + (given - given.detach()) * factor


@method("lsq+", "returns a model to be trained, which learns steps and zero points as well", defaults=EIGHT_BITS)
class LSQPlusQuantizer(LSQQuantizer):
    """Learned steps for weights, learned steps and zero points for values; values that are never negative need none."""

    def activation_quantizer(self, bits: int, never_negative: bool) -> nn.Module:
        return super().activation_quantizer(bits, True) if never_negative else LearnedGridQuantizer(Grid(bits))
