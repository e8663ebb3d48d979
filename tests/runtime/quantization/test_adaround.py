"""AdaRound: errors as they are measured, integers next to where they were, and less error than the nearest ones have."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.quantization.adaround import adaround
from runtime.quantization.calibration import calibrate
from runtime.quantization.layer_inputs import input_moments, input_rows, weight_rows
from runtime.quantization.post_training import PostTrainLinearQuantizer
from tests.runtime.quantization.small import ConvNet, quadrants, train

DATA = list(quadrants(128)[0].split(32))


def trained() -> nn.Module:
    torch.manual_seed(0)
    model = ConvNet()
    train(model, torch.optim.Adam(model.parameters(), lr=0.01), 40)
    return model.eval()


def quantized(model: nn.Module, bits: int) -> Any:
    copied = copy.deepcopy(model)
    statistics = calibrate(copied, DATA)
    PostTrainLinearQuantizer(copied, bits_weights=bits, statistics=statistics).prepare_model(DATA[0])
    return copied


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 6, bias=False), (3, 5, 4)),
        (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, bias=False), (2, 4, 9)),
        (nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), groups=2, bias=False), (2, 4, 7, 6)),
        (nn.Conv2d(4, 4, 3, padding="same", groups=4, bias=False), (2, 4, 7, 6)),
        (nn.Conv2d(4, 4, 3, padding=2, padding_mode="reflect", bias=False), (2, 4, 7, 6)),
    ],
)
def test_a_layer_is_the_product_of_its_weight_with_its_rows(layer: Any, shape: Any) -> None:
    x = torch.randn(shape)
    product = weight_rows(layer, layer.weight) @ input_rows(layer, x).transpose(1, 2)
    out: Tensor = layer(x)
    expected = out if isinstance(layer, nn.Linear) else out.movedim(1, -1)
    got = product.flatten(0, 1).T.reshape(expected.shape)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("images", [1, 128])
def test_moments_tell_the_error_of_any_other_weight(images: int) -> None:
    """From a few rows, which are kept, and from many, which are summed."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 8, bias=False))
    data = [batch[:images] for batch in DATA]
    moments = input_moments(model, ["0"], data)["0"]
    change = torch.randn_like(model[0].weight)
    measured = nn.functional.conv2d(torch.cat(data), change).square().mean().item()
    assert moments.error(weight_rows(model[0], change)) == pytest.approx(measured, rel=1e-4)
    assert (moments._matrix is None) == (images == 1)


@pytest.mark.parametrize("bits", [2, 4])
def test_the_result_is_nearer_and_each_weight_is_next_to_where_it_was(bits: int) -> None:
    model = trained()
    nearest, chosen = quantized(model, bits), quantized(model, bits)
    rounded = adaround(chosen, model, DATA, steps=200)
    assert set(rounded) == {"conv", "conv2", "fc"}
    assert all(errors.chosen <= errors.nearest for errors in rounded.values())
    assert rounded["conv2"].chosen < 0.5 * rounded["conv2"].nearest

    x, _ = quadrants(256, seed=1)
    with torch.no_grad():
        errors = [(net(x) - model(x)).square().mean() for net in (nearest, chosen)]
    assert errors[1] < 0.75 * errors[0]
    for name in rounded:
        one, other = nearest.get_submodule(name), chosen.get_submodule(name)
        assert (one.integers.int() - other.integers.int()).abs().max() <= 1
        assert torch.equal(one.weight_scale, other.weight_scale)
        grid = other.weight_params.grid
        assert grid.low <= other.integers.min() and other.integers.max() <= grid.high


def test_the_error_is_that_of_the_layer_alone() -> None:
    model = trained()
    chosen = quantized(model, 3)
    errors = adaround(chosen, model, DATA, steps=50)["fc"]
    seen: list[Tensor] = []
    hook = model.fc.register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    with torch.no_grad():
        for batch in DATA:
            model(batch)
    hook.remove()
    change = chosen.fc.weight - model.fc.weight.detach()
    measured = (torch.cat(seen) @ change.T).square().mean().item()
    assert errors.chosen == pytest.approx(measured, rel=1e-3)


def test_the_reference_stays_as_it_was() -> None:
    model = trained()
    before = copy.deepcopy(model.state_dict())
    adaround(quantized(model, 4), model, DATA, steps=5)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not model.conv._forward_pre_hooks


def test_a_float_model_and_no_data_are_errors() -> None:
    model = trained()
    with pytest.raises(ValueError, match="found no quantized weight"):
        adaround(model, model, DATA)
    with pytest.raises(ValueError, match="the data are empty"):
        adaround(quantized(model, 4), model, [])
