"""Modules that put a tensor on a grid during training and remember the range that the grid covers."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.quantization import straight_through
from runtime.quantization.arithmetic import (
    PER_TENSOR,
    Granularity,
    Grid,
    QParams,
    qparams_from_range,
    value_range,
)
from runtime.quantization.training_steps import Observing


def fake_quantize(x: Tensor, params: QParams) -> Tensor:
    """What `straight_through.fake_quantize` computes, in one pass of torch's own kernel where it has one."""
    axis, group = params.granularity.axis, params.granularity.group
    if x.dtype is not torch.float32 or group is not None or x.numel() == 0:
        return straight_through.fake_quantize(x, params)
    low, high = params.grid.low, params.grid.high
    if axis is None:
        return torch.fake_quantize_per_tensor_affine(x, params.scale, params.zero_point, low, high)
    return torch.fake_quantize_per_channel_affine(x, params.scale, params.zero_point, axis % x.dim(), low, high)


class RangeFakeQuantizer(Observing):
    """A grid over a range that is given by `low` and `high`; what has no range yet passes as it is."""

    low: Tensor
    high: Tensor

    def __init__(
        self, grid: Grid, symmetric: bool, granularity: Granularity = PER_TENSOR, shape: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.grid = grid
        self.symmetric = symmetric
        self.granularity = granularity
        self.register_buffer("low", torch.full(shape, torch.inf))
        self.register_buffer("high", torch.full(shape, -torch.inf))

    @property
    def observed(self) -> bool:
        return bool((self.low <= self.high).all())

    def qparams(self) -> QParams:
        if not self.observed:
            raise RuntimeError("nothing was observed yet: run training batches through the model first")
        return qparams_from_range(self.low, self.high, self.grid, self.symmetric, self.granularity)

    def extra_repr(self) -> str:
        kind = "symmetric" if self.symmetric else "asymmetric"
        axis = "" if self.granularity.axis is None else f", axis={self.granularity.axis}"
        return f"bits={self.grid.bits}, {kind}{axis}"


class WeightFakeQuantizer(RangeFakeQuantizer):
    """For a weight: the range is that of the weight itself, until scales are frozen."""

    def __init__(self, weight: Tensor, grid: Grid, granularity: Granularity = PER_TENSOR) -> None:
        super().__init__(grid, True, granularity, granularity.shape(weight.shape))

    def forward(self, weight: Tensor) -> Tensor:
        if self.observing or not self.observed:
            low, high = value_range(weight.detach().to(torch.float32), self.granularity)
            self.low.copy_(low)
            self.high.copy_(high)
        return fake_quantize(weight, self.qparams()) if self.quantizing else weight


class ActivationFakeQuantizer(RangeFakeQuantizer):
    """For an activation: the range is a moving average over steps; that of a step is over all its calls and processes.

    A step is quantized with the range of the steps before it, so the first one runs in floating point.
    """

    seen: Tensor

    def __init__(self, grid: Grid, symmetric: bool, decay: float) -> None:
        super().__init__(grid, symmetric)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be at least 0 and below 1, not {decay}")
        self.decay = decay
        # The least element of this step, and the least of the negated ones. Written in place, as everything that a
        # module of a DataParallel has to tell its owner.
        self.register_buffer("seen", torch.full((2,), torch.inf), persistent=False)

    def fresh(self) -> ActivationFakeQuantizer:
        """Another one of the same kind."""
        return ActivationFakeQuantizer(self.grid, self.symmetric, self.decay).to(self.low.device)

    def forward(self, x: Tensor) -> Tensor:
        if self.observing and self.training and x.numel():
            low, high = torch.aminmax(x.detach())
            torch.minimum(self.seen, torch.stack([low, -high]).to(self.seen), out=self.seen)
        if not self.quantizing:
            return x
        if self.observed:
            return fake_quantize(x, self.qparams())
        self.skipped = not self.training
        return x

    def gathered(self) -> tuple[Tensor, Tensor]:
        return self.seen, self.seen.new_empty(0)

    def finish_step(self, least: Tensor, total: Tensor) -> None:
        if bool(torch.isinf(least).all()):  # not run in this step
            return
        if not bool(torch.isfinite(least).all()):
            raise ValueError(f"was given values from {least[0]:g} to {-least[1]:g}, which no grid covers")
        decay = self.decay if self.observed else 0.0
        for bound, new in ((self.low, least[0]), (self.high, -least[1])):
            bound.copy_(torch.where(torch.isinf(bound), new, torch.lerp(new, bound, decay)))
        self.seen.fill_(torch.inf)
