"""DoReFa-Net: what its weights and activations become, and that it trains."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from runtime.modules import FunctionalReLU
from runtime.quantization.methods.dorefa import ClippedActivation, DorefaQuantizer, dorefa_weight
from tests.runtime.quantization.small import ConvNet, accuracy, levels, outputs_of, quadrants, train


def prepared(**bits: object) -> tuple[ConvNet, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = ConvNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    DorefaQuantizer(model, optimizer, **bits).prepare_model()  # type: ignore[arg-type]
    return model, optimizer


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weights_by_the_papers_formula(bits: int) -> None:
    weight = torch.randn(64, dtype=torch.float32)
    steps = 2**bits - 1
    squeezed = torch.tanh(weight)
    unit = squeezed / (2 * squeezed.abs().max()) + 0.5
    expected = 2 * torch.round(unit * steps) / steps - 1
    torch.testing.assert_close(dorefa_weight(weight, bits), expected, atol=2e-6, rtol=0)


def test_one_bit_is_sign_times_mean_magnitude() -> None:
    weight = torch.tensor([-1.0, 0.0, 3.0])
    torch.testing.assert_close(dorefa_weight(weight, 1), torch.tensor([-4 / 3, 4 / 3, 4 / 3]))


@pytest.mark.parametrize("bits", [1, 4])
def test_gradients_pass_through_rounding(bits: int) -> None:
    weight = torch.randn(8, requires_grad=True)
    dorefa_weight(weight, bits).sum().backward()
    largest = torch.tanh(weight.detach()).abs().max()
    expected = torch.ones(8) if bits == 1 else (1 - torch.tanh(weight.detach()) ** 2) / largest
    torch.testing.assert_close(weight.grad, expected)


def test_a_weight_of_zeros_stays_finite() -> None:
    assert torch.isfinite(dorefa_weight(torch.zeros(4), 2)).all()


def test_activations_are_held_in_zero_to_one() -> None:
    out = ClippedActivation(2)(torch.tensor([-1.0, 0.2, 0.5, 0.9, 7.0]))
    torch.testing.assert_close(out, torch.tensor([0.0, 1 / 3, 2 / 3, 1.0, 1.0]))


def test_rectifiers_of_every_form_are_replaced_and_nothing_else() -> None:
    model = nn.Sequential(nn.ReLU(), nn.ReLU6(), FunctionalReLU(), nn.Sigmoid(), nn.ReLU())
    optimizer = torch.optim.SGD([torch.zeros(1)])
    overrides = OrderedDict([("4", {"bits_activations": None})])
    DorefaQuantizer(model, optimizer, bits_activations=3, overrides=overrides).prepare_model()
    kinds = [type(m) for m in model]
    assert kinds == [ClippedActivation, ClippedActivation, ClippedActivation, nn.Sigmoid, nn.ReLU]


def test_trains_from_float_copies() -> None:
    model, optimizer = prepared(bits_activations=4, bits_weights=2)
    losses = train(model, optimizer, 40)
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(model) > 0.9
    assert levels(model.conv2.weight) <= 4 < levels(model.conv2.float_weight)
    assert levels(outputs_of(model, "relu", quadrants(8)[0])) <= 16
