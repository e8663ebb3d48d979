"""Quantization that lets gradients pass: as if rounding were not there, and zero where the grid ends."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from runtime.quantization import arithmetic
from runtime.quantization.arithmetic import QParams


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, params: QParams) -> Tensor:
        q = arithmetic.to_grid(x, params)
        ctx.save_for_backward((q >= params.grid.low) & (q <= params.grid.high))
        scale = params.granularity.spread(params.scale, x)
        zero_point = params.granularity.spread(params.zero_point, x)
        return ((q.clamp(params.grid.low, params.grid.high) - zero_point) * scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return torch.where(inside, gradients[0], torch.zeros_like(gradients[0])), None


def round_straight_through(x: Tensor) -> Tensor:
    """Rounds, ties to even; the gradient passes unchanged."""
    rounded: Tensor = _Round.apply(x)  # type: ignore[no-untyped-call]
    return rounded


def fake_quantize(x: Tensor, params: QParams) -> Tensor:
    """What `arithmetic.fake_quantize` computes; the gradient of `x` is 1 on the grid and 0 outside.

    Scale and zero point get no gradient. Where they are learned, compose `round_straight_through` and `torch.clamp`.
    """
    faked: Tensor = _FakeQuantize.apply(x, params)  # type: ignore[no-untyped-call]
    return faked
