"""LSQ+: where its grid begins, what it computes, how step and zero point learn, and that integers give the same."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import runtime
from runtime import int8
from runtime.quantization.arithmetic import Grid, fake_quantize, qparams_of
from runtime.quantization.methods.lsq_plus import LearnedGridQuantizer


def begun(x: torch.Tensor, grid: Grid) -> LearnedGridQuantizer:
    quantizer = LearnedGridQuantizer(grid).train()
    quantizer(x)
    quantizer.finish_step(*quantizer.gathered())
    return quantizer


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_begins_at_the_range_of_what_it_saw(bits: int) -> None:
    x = nn.functional.silu(torch.randn(64, 9) * 3)
    found, wanted = begun(x, Grid(bits)).qparams(), qparams_of(x, Grid(bits), symmetric=False)
    assert torch.equal(found.scale, wanted.scale) and torch.equal(found.zero_point, wanted.zero_point)


@pytest.mark.parametrize("moved", [0.0, 0.4, 1.7, 99.0])
def test_what_is_trained_is_what_the_specification_computes(moved: float) -> None:
    """Also with a zero point between integers, or off the grid, as training leaves it."""
    x = nn.functional.gelu(torch.randn(64, 9))
    quantizer = begun(x, Grid(4))
    with torch.no_grad():
        quantizer.zero_point.add_(moved)
        quantizer.scale.mul_(0.9)
    assert torch.equal(quantizer(x * 2), fake_quantize(x * 2, quantizer.qparams()))


def test_gradients_are_those_of_the_composed_form() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 30)
    quantizer = begun(x, Grid(3))
    x.requires_grad_()
    upstream = torch.randn_like(x)
    quantizer(x).backward(upstream)
    step, zero_point = quantizer.scale.detach(), quantizer.zero_point.detach()
    level = torch.round(x.detach() / step) + zero_point
    inside = (level >= 0) & (level <= 7)
    factor = 1 / math.sqrt(30 * 7)
    of_step = torch.where(inside, torch.round(x / step) - x / step, level.clamp(0, 7) - zero_point)
    torch.testing.assert_close(x.grad, torch.where(inside, upstream, torch.zeros_like(upstream)))
    torch.testing.assert_close(quantizer.scale.grad, (of_step * upstream).sum().detach() * factor)
    of_zero_point = torch.where(inside, torch.zeros_like(x), -step.expand_as(x))
    torch.testing.assert_close(quantizer.zero_point.grad, (of_zero_point * upstream).sum().detach() * factor)


def test_a_network_with_silu_trains_and_its_integers_agree() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), nn.Conv2d(8, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(64, 2))
    data = torch.randn(16, 3, 8, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    q = runtime.quantize(model, [data], method="lsq+", optimizer=optimizer, inplace=True, verbose=False)
    grids = [m for m in q.modules() if isinstance(m, LearnedGridQuantizer)]
    assert grids
    q.train()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (q(data) - data.mean((1, 2, 3))[:, None]).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[1]
    q.eval()
    converted = int8.convert(q)
    assert not int8.report(converted).in_float
    step = max(grid.scale.item() for grid in grids)
    assert (converted(data) - q(data)).abs().max() < 2 * step
