"""Modules that put a tensor on a grid during training and remember the range that the grid covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from runtime.quantization import straight_through
from runtime.quantization.arithmetic import (
    PER_TENSOR,
    Granularity,
    Grid,
    QParams,
    qparams_from_range,
    value_range,
)


def fake_quantize(x: Tensor, params: QParams) -> Tensor:
    """What `straight_through.fake_quantize` computes, in one pass of torch's own kernel where it has one."""
    axis, group = params.granularity.axis, params.granularity.group
    if x.dtype is not torch.float32 or group is not None or x.numel() == 0:
        return straight_through.fake_quantize(x, params)
    low, high = params.grid.low, params.grid.high
    if axis is None:
        return torch.fake_quantize_per_tensor_affine(x, params.scale, params.zero_point, low, high)
    return torch.fake_quantize_per_channel_affine(x, params.scale, params.zero_point, axis % x.dim(), low, high)


class RangeFakeQuantizer(nn.Module):
    """Follows the range of what passes and puts it on the grid of that range, each as long as it is told to.

    With a `decay` the range is a moving average over training batches, as activations need it; without, it is that of
    the tensor itself, as weights need it. Where processes train together, all of them see the range of the whole batch.
    """

    low: Tensor
    high: Tensor

    def __init__(
        self, grid: Grid, symmetric: bool, granularity: Granularity = PER_TENSOR, decay: float | None = None
    ) -> None:
        super().__init__()
        if decay is not None and not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be at least 0 and below 1, not {decay}")
        self.grid = grid
        self.symmetric = symmetric
        self.granularity = granularity
        self.decay = decay
        self.observing = True
        self.quantizing = True
        self.register_buffer("low", torch.tensor(torch.inf))
        self.register_buffer("high", torch.tensor(-torch.inf))

    @property
    def observed(self) -> bool:
        """Whether there is a range yet; without one everything passes as it is."""
        return bool((self.low <= self.high).all())

    def qparams(self) -> QParams:
        if not self.observed:
            raise RuntimeError("nothing was observed yet: run training batches through the model first")
        return qparams_from_range(self.low, self.high, self.grid, self.symmetric, self.granularity)

    def forward(self, x: Tensor) -> Tensor:
        if self.observing and (self.training or self.decay is None):
            self.observe(x)
        return fake_quantize(x, self.qparams()) if self.quantizing and self.observed else x

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        if x.numel() == 0:
            return
        low, high = value_range(x.detach().to(torch.float32), self.granularity)
        if self.decay is not None:
            low, high = _over_all_processes(low, high)
            if self.observed:
                low, high = (torch.lerp(new, old, self.decay) for new, old in ((low, self.low), (high, self.high)))
        self._set(low, high)

    def _set(self, low: Tensor, high: Tensor) -> None:
        if self.low.shape == low.shape:  # in place, so that replicas of a DataParallel write where they should
            self.low.copy_(low)
            self.high.copy_(high)
        else:
            self.low, self.high = low.clone(), high.clone()

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        saved = state_dict.get(prefix + "low")
        if isinstance(saved, Tensor) and saved.shape != self.low.shape:
            self.low, self.high = self.low.new_empty(saved.shape), self.high.new_empty(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        kind = "symmetric" if self.symmetric else "asymmetric"
        axis = "" if self.granularity.axis is None else f", axis={self.granularity.axis}"
        return f"bits={self.grid.bits}, {kind}{axis}"


def _over_all_processes(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The range over all processes that train together, in one message."""
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return low, high
    both = torch.stack([low, -high])
    dist.all_reduce(both, op=dist.ReduceOp.MIN)
    return both[0], -both[1]
