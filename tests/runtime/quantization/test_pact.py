"""PACT: the clip is learned, from the gradient of what it cuts off and from its decay."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from runtime.quantization.methods.pact import LearnedClippedActivation, PACTQuantizer
from tests.runtime.quantization.small import ConvNet, accuracy, levels, outputs_of, quadrants, train


def test_forward_and_gradients_by_hand() -> None:
    activation = LearnedClippedActivation(bits=2, initial=3.0)
    x = torch.tensor([-1.0, 0.4, 1.6, 3.0, 9.0], requires_grad=True)
    out = activation(x)
    assert out.tolist() == [0.0, 0.0, 2.0, 3.0, 3.0]
    out.backward(torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert x.grad is not None and x.grad.tolist() == [0.0, 2.0, 4.0, 0.0, 0.0]
    assert activation.clip_val.grad is not None and activation.clip_val.grad.item() == 24.0


def test_a_clip_below_zero_still_gives_a_range_and_can_come_back() -> None:
    activation = LearnedClippedActivation(bits=4, initial=1.0)
    activation.clip_val.data.fill_(-1.0)
    out = activation(torch.tensor([0.0, 5.0]))
    assert out.tolist() == [0.0, 2.0**-10]
    out.sum().backward()
    assert activation.clip_val.grad is not None and activation.clip_val.grad.item() == 1.0


def test_the_clip_has_to_begin_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero, not at 0"):
        LearnedClippedActivation(bits=4, initial=0.0)


def test_learned_clips_are_a_parameter_group_of_their_own() -> None:
    model = ConvNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
    overrides = OrderedDict(relu2={"act_clip_init_val": 2.0})
    PACTQuantizer(
        model, optimizer, bits_activations=4, bits_weights=4, act_clip_decay=0.25, overrides=overrides
    ).prepare_model()
    assert optimizer.param_groups[1]["params"] == [model.relu.clip_val, model.relu2.clip_val]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.25]
    assert (model.relu.clip_val.item(), model.relu2.clip_val.item()) == (8.0, 2.0)


def test_trains_and_pulls_the_clip_down() -> None:
    torch.manual_seed(0)
    model = ConvNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    PACTQuantizer(model, optimizer, bits_activations=3, bits_weights=3, act_clip_decay=0.1).prepare_model()
    losses = train(model, optimizer, 60)
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(model) > 0.9
    assert model.relu.clip_val.item() < 8.0
    assert levels(outputs_of(model, "relu", quadrants(8)[0])) <= 8
