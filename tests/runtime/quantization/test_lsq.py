"""LSQ: the gradient of a step by the paper's equation, where it begins, and that it learns."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import LSTM
from runtime.quantization.arithmetic import PER_TENSOR, Grid, fake_quantize, per_channel
from runtime.quantization.methods.lsq import LearnedStepQuantizer, LSQQuantizer
from runtime.quantization.straight_through import round_straight_through
from tests.runtime.quantization.small import ConvNet, accuracy, levels, outputs_of, quadrants, train

X, _ = quadrants(16)


def composed(x: Tensor, step: Tensor, grid: Grid, factor: float) -> Tensor:
    """The same out of operations whose gradients are torch's: appendix A of the paper."""
    step = step * factor + (step * (1 - factor)).detach()
    return round_straight_through((x / step).clamp(grid.low, grid.high)) * step


@pytest.mark.parametrize("granularity", [PER_TENSOR, per_channel(0), per_channel(1)])
@pytest.mark.parametrize("grid", [Grid(2), Grid(4, signed=True, restricted=True), Grid(8, signed=True)])
def test_gradients_are_those_of_the_composed_form(granularity: Any, grid: Grid) -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 5, 3)
    quantizer = LearnedStepQuantizer(grid, granularity, weight)
    step = quantizer.scale.detach().clone().requires_grad_()
    x, y = weight.clone().requires_grad_(), weight.clone().requires_grad_()
    upstream = torch.randn_like(weight)
    elements = weight.numel() / max(step.numel(), 1)
    out = composed(y, granularity.spread(step, y), grid, 1 / math.sqrt(elements * grid.high))
    torch.testing.assert_close(quantizer(x), out)
    quantizer(x).backward(upstream)
    out.backward(upstream)
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(quantizer.scale.grad, step.grad)


def test_what_is_trained_is_what_the_specification_computes() -> None:
    weight = torch.randn(4, 9)
    quantizer = LearnedStepQuantizer(Grid(4, True, True), per_channel(0), weight)
    assert torch.equal(quantizer(weight), fake_quantize(weight, quantizer.qparams()))


def test_a_weights_step_begins_at_its_magnitude() -> None:
    weight = torch.randn(64)
    quantizer = LearnedStepQuantizer(Grid(4, True, True), PER_TENSOR, weight)
    assert quantizer.scale.item() == pytest.approx(2 * weight.abs().mean().item() / math.sqrt(7))


def test_an_activations_step_begins_at_the_first_batchs_magnitude() -> None:
    model = nn.Sequential(nn.ReLU())
    LSQQuantizer(model, bits_activations=4).prepare_model(X)
    quantizer: Any = model[0].output_quantizer  # type: ignore[union-attr]
    with pytest.raises(RuntimeError, match="run a training batch"):
        quantizer.qparams()
    out = model(X)
    assert torch.equal(out, X.clamp(min=0)), "the first batch passes as it is"
    out.sum().backward()
    assert quantizer.scale.grad.item() == 0.0, "but the parameter takes part, as DistributedDataParallel demands"
    mean = X.clamp(min=0).mean().item()
    assert quantizer.qparams().scale.item() == pytest.approx(2 * mean / math.sqrt(15))
    assert levels(model(X)) <= 16


def test_a_step_below_zero_can_come_back() -> None:
    quantizer = LearnedStepQuantizer(Grid(4, True, True), PER_TENSOR, torch.randn(8))
    quantizer.scale.data.fill_(-0.1)
    out = quantizer(torch.tensor([1.0, -2.0]))
    assert torch.isfinite(out).all()
    out.sum().backward()
    assert torch.isfinite(quantizer.scale.grad)


def test_values_that_are_never_negative_have_an_unsigned_grid() -> None:
    model = ConvNet()
    LSQQuantizer(model, bits_activations=4, bits_weights=4).prepare_model(X)
    quantizers = {n: m for n, m in model.named_modules() if n.endswith("output_quantizer")}
    signed = {name.partition(".")[0] for name, quantizer in quantizers.items() if quantizer.grid.signed}
    assert signed == {"norm2", "pool"}


def test_steps_join_the_optimizer_without_decay() -> None:
    model = ConvNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
    LSQQuantizer(model, optimizer, bits_activations=8, bits_weights=4).prepare_model(X)
    names = {id(p): n for n, p in model.named_parameters()}
    group = optimizer.param_groups[1]
    assert group["weight_decay"] == 0.0
    assert all(names[id(p)].endswith("quantizer.scale") or "input_quantizers" in names[id(p)] for p in group["params"])
    assert len(group["params"]) == 8


def test_every_step_is_used() -> None:
    """Or DistributedDataParallel would wait for its gradient."""
    model = LSTM(4, 3)
    x = torch.randn(5, 2, 4)
    LSQQuantizer(model, bits_activations=8, bits_weights=4).prepare_model((x,))
    for _ in range(2):
        model.zero_grad()
        output, state = model(x)
        (output.sum() + sum(s.sum() for s in state)).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(("bits", "wanted"), [(4, 0.95), (2, 0.85)])
def test_learns(bits: int, wanted: float) -> None:
    torch.manual_seed(0)
    model = ConvNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    LSQQuantizer(model, optimizer, bits_activations=bits, bits_weights=bits, num_bits_inputs=8).prepare_model(X)
    before = model.conv2.weight_quantizer.scale.clone()
    losses = train(model, optimizer, 60)
    assert losses[-1] < 0.4 * losses[0]
    assert accuracy(model) > wanted
    assert not torch.equal(model.conv2.weight_quantizer.scale, before)
    assert levels(outputs_of(model, "relu", X)) <= 2**bits
