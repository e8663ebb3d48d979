"""Bias correction: layers give on average what they gave before they were rounded."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from runtime.quantization.bias_correction import correct_biases
from runtime.quantization.calibration import calibrate
from runtime.quantization.post_training import PostTrainLinearQuantizer
from tests.runtime.quantization.small import ConvNet, outputs_of, quadrants, train

X, _ = quadrants(256)


def trained() -> Any:
    torch.manual_seed(0)
    model = ConvNet()
    train(model, torch.optim.Adam(model.parameters(), lr=0.01), 40)
    return model.eval()


def quantized(model: nn.Module, bits: int, **settings: Any) -> Any:
    copied = copy.deepcopy(model)
    statistics = calibrate(copied, X.split(64))
    PostTrainLinearQuantizer(copied, bits_weights=bits, statistics=statistics, **settings).prepare_model(X[:2])
    return copied


@pytest.mark.parametrize("activations", [8, None])
def test_means_come_back(activations: int | None) -> None:
    model = trained()
    rounded = quantized(model, 3, bits_activations=activations)
    corrected = copy.deepcopy(rounded)
    changes = correct_biases(corrected, model, X)
    assert set(changes) == {"conv", "conv2", "fc"} and changes["conv2"].shape == (8,)

    def off(net: nn.Module, name: str, original: str) -> float:
        return (outputs_of(net, name, X) - outputs_of(model, original, X)).mean(dim=0).abs().mean().item()

    assert off(corrected, "fc", "fc") < 0.3 * off(rounded, "fc", "fc")
    with torch.no_grad():
        errors = [(net(X) - model(X)).square().mean() for net in (rounded, corrected)]
    assert errors[1] < errors[0]


def test_layers_get_a_bias_where_they_had_none() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 4, bias=False)).eval()
    x = torch.rand(128, 16)
    rounded = copy.deepcopy(model)
    PostTrainLinearQuantizer(rounded, bits_weights=2, statistics=calibrate(rounded, [x])).prepare_model(x)
    correct_biases(rounded, model, x)
    with torch.no_grad():
        torch.testing.assert_close(rounded(x).mean(0), model(x).mean(0), atol=1e-3, rtol=0)


def test_a_float_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no quantized layer has run"):
        correct_biases(trained(), trained(), X)
