"""Bit search: fits the size, spends bits where they matter, leaves the model as it was."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
import torch
from torch import nn

from runtime.quantization.bit_search import _narrow, search_bits
from runtime.quantization.calibration import calibrate
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.summary import state_bytes
from tests.runtime.quantization.small import ConvNet, quadrants, train

DATA = list(quadrants(64)[0].split(32))


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    net = ConvNet()
    train(net, torch.optim.Adam(net.parameters(), lr=0.01), 30)
    return net.eval()


def test_the_choice_fits_and_is_what_a_quantizer_makes_of_it(model: Any) -> None:
    whole = state_bytes(model)
    weights = 4 * sum(m.weight.numel() for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    budget = whole - weights + int(weights * 4.5 / 32)
    chosen = search_bits(model, DATA, budget)
    assert chosen.size <= budget
    assert set(chosen.bits) == {"conv", "conv2", "fc"} and len(set(chosen.bits.values())) > 1
    copied = copy.deepcopy(model)
    quantizer = PostTrainLinearQuantizer(copied, overrides=chosen.overrides, statistics=calibrate(copied, DATA))
    quantizer.prepare_model(DATA[0])
    assert {name: copied.get_submodule(name).weight_grid.bits for name in chosen.bits} == chosen.bits


def test_more_bits_err_less_and_the_model_stays(model: Any) -> None:
    before = copy.deepcopy(model.state_dict())
    chosen = search_bits(model, DATA, state_bytes(model), candidates=(8, 4, 2))
    assert chosen.bits == {"conv": 8, "conv2": 8, "fc": 8}, "nothing has to be narrowed"
    for errors in chosen.errors.values():
        assert errors[8] < errors[4] < errors[2]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_choice_is_near_the_best_there_is() -> None:
    """Against all choices there are, on a table of errors."""
    errors = {"a": {8: 0.0, 4: 1.0, 2: 9.0}, "b": {8: 0.0, 4: 0.1, 2: 0.3}, "c": {8: 0.0, 4: 0.2, 2: 4.0}}
    elements = {"a": 100, "b": 100, "c": 100}
    for budget in range(75, 301, 25):
        bits, size = _narrow(errors, elements, 4 * 300, budget, (8, 4, 2))
        assert size <= budget
        choices = [dict(zip(errors, chosen, strict=True)) for chosen in itertools.product((8, 4, 2), repeat=3)]
        fitting = [c for c in choices if sum(elements[n] * b // 8 for n, b in c.items()) <= budget]
        least = min(sum(errors[n][b] for n, b in c.items()) for c in fitting)
        assert sum(errors[name][number] for name, number in bits.items()) <= 2 * least + 0.1


def test_a_budget_that_nothing_fits_in_is_an_error(model: Any) -> None:
    with pytest.raises(ValueError, match=r"no choice of bits fits in 10 bytes: with 2 bits everywhere it is \d+"):
        search_bits(model, DATA, 10)
    with pytest.raises(ValueError, match="found no linear layer"):
        search_bits(nn.Sequential(nn.ReLU()), DATA, 10)
