"""From trained to integers: what was learned is what is computed."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import LSTM, MultiheadAttention
from runtime.modules.tied import again
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.finish import finish_training
from runtime.quantization.methods.lsq import LSQQuantizer
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.quantized.sums import QuantizedSum
from tests.runtime.quantization.small import ConvNet, accuracy, quadrants, train

X, Y = quadrants(64, seed=1)


def trained(kind: Any, weights: int, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    model = ConvNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    kind(model, optimizer, bits_activations=8, bits_weights=weights, **settings).prepare_model(X)
    train(model, optimizer, 50)
    return model.eval()


@pytest.mark.parametrize("kind", [QuantAwareTrainRangeLinearQuantizer, LSQQuantizer])
@pytest.mark.parametrize("weights", [8, 4])
def test_the_integers_compute_what_training_simulated(kind: Any, weights: int) -> None:
    simulated = trained(kind, weights)
    model = copy.deepcopy(simulated)
    quantizer = finish_training(model, X)
    assert isinstance(quantizer, PostTrainLinearQuantizer)
    sums = [m for m in model.modules() if isinstance(m, QuantizedSum)]
    assert len(sums) == 3 and {m.weight_grid.bits for m in sums} == {weights}
    with torch.no_grad():
        expected, got = simulated(X), model(X)
    assert (got.argmax(1) == expected.argmax(1)).float().mean() > 0.98
    assert (got - expected).abs().mean() < 0.02 * expected.abs().mean()
    assert accuracy(model) == pytest.approx(accuracy(simulated), abs=0.01)


def test_scales_are_those_that_were_learned() -> None:
    simulated: Any = trained(LSQQuantizer, 4)
    relu_scale = simulated.relu.output_quantizer.qparams().scale
    weight_scale = simulated.conv2.weight_quantizer.qparams().scale
    factor = simulated.norm2.wrapped.weight / (simulated.norm2.wrapped.running_var + 1e-5).sqrt()
    input_scale = simulated.conv.input_quantizers["0"].qparams().scale
    finish_training(simulated, X)
    torch.testing.assert_close(simulated.conv.output_params.scale, relu_scale)
    torch.testing.assert_close(simulated.conv.input_params[0].scale, input_scale)
    torch.testing.assert_close(simulated.conv2.weight_scale, (weight_scale * factor).abs())


def test_bits_by_layer_are_kept() -> None:
    overrides = OrderedDict(fc={"bits_weights": 6, "per_channel_wts": False})
    model: Any = trained(QuantAwareTrainRangeLinearQuantizer, 4, overrides=overrides)
    finish_training(model, X)
    assert (model.conv2.weight_grid.bits, model.fc.weight_grid.bits) == (4, 6)
    assert model.fc.weight_scale.shape == ()


class Head(nn.Module):
    """What it returns are the sums of a convolution, with its normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu = nn.Conv2d(1, 4, 3), nn.ReLU()
        self.conv, self.norm = nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.norm(self.conv(self.relu(self.first(x))))
        return scores


def test_sums_that_a_model_returns_are_rounded_neither_in_training_nor_afterwards() -> None:
    torch.manual_seed(0)
    model, x = Head(), torch.randn(8, 1, 9, 9)
    optimizer = torch.optim.Adam(model.parameters())
    QuantAwareTrainRangeLinearQuantizer(model, optimizer, bits_activations=8, bits_weights=8).prepare_model(x)
    model(x).square().mean().backward()
    model.eval()
    simulated = model(x)
    finish_training(model, x)
    assert model.get_submodule("conv").output_params is None
    torch.testing.assert_close(model(x), simulated, rtol=1e-4, atol=1e-4)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.relu = nn.ReLU()
        self.fc2 = again(self.fc)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.fc2(self.relu(self.fc(x))))
        return logits


def test_a_second_call_has_the_trained_weights_and_scales_of_its_own() -> None:
    torch.manual_seed(0)
    model: Any = Twice()
    x = torch.randn(32, 6)
    LSQQuantizer(model, bits_activations=8, bits_weights=4).prepare_model(x)
    for _ in range(3):
        model(x)
    model.fc.wrapped.weight_quantizer.scale.data *= 1.3  # as training would have
    model.eval()
    simulated = model(x).detach()
    finish_training(model, x)
    assert torch.equal(model.fc.weight, model.fc2.weight)
    assert not torch.equal(model.fc.output_params.scale, model.fc2.output_params.scale)
    assert (model(x) - simulated).abs().mean() < 0.06 * simulated.abs().mean()


@pytest.mark.parametrize("twin", [LSTM(4, 3), MultiheadAttention(4, 2)])
def test_twins(twin: nn.Module) -> None:
    x = torch.randn(6, 2, 4)
    example = (x, x, x) if isinstance(twin, MultiheadAttention) else (x,)
    QuantAwareTrainRangeLinearQuantizer(twin, bits_activations=8, bits_weights=8).prepare_model(example)
    for _ in range(3):
        twin(*example)
    twin.eval()
    simulated = twin(*example)[0].detach()
    finish_training(twin, example)
    assert any(isinstance(m, QuantizedSum) for m in twin.modules())
    assert (twin(*example)[0] - simulated).abs().mean() < 0.05 * simulated.abs().mean()


def test_other_models_are_refused() -> None:
    with pytest.raises(ValueError, match="quantizer for training has prepared"):
        finish_training(ConvNet(), X)
