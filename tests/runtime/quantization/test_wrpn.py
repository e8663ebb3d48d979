"""WRPN: clipping to fixed ranges."""

from __future__ import annotations

import torch

from runtime.quantization.methods.wrpn import WRPNQuantizer, wrpn_weight
from tests.runtime.quantization.small import ConvNet, accuracy, levels, train


def test_weights_are_clipped_and_lie_evenly_about_zero() -> None:
    weight = torch.tensor([-3.0, -1.0, -0.6, -0.2, 0.0, 0.2, 0.6, 1.0, 3.0])
    third = 1 / 3
    torch.testing.assert_close(
        wrpn_weight(weight, 3), torch.tensor([-1, -1, -2 * third, -third, 0, third, 2 * third, 1, 1])
    )


def test_gradients_stop_where_weights_are_clipped() -> None:
    weight = torch.tensor([-3.0, -0.5, 0.5, 3.0], requires_grad=True)
    wrpn_weight(weight, 4).sum().backward()
    assert weight.grad is not None and weight.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_trains_from_float_copies() -> None:
    torch.manual_seed(0)
    model = ConvNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    WRPNQuantizer(model, optimizer, bits_activations=4, bits_weights=4).prepare_model()
    losses = train(model, optimizer, 40)
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(model) > 0.9
    assert levels(model.conv2.weight) <= 15
