"""Every method is reached by its name, and leads to integers or says beforehand that it cannot."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import runtime
from runtime import int8
from runtime.quantization.methods import find_method, method, methods

X = torch.rand(8, 3, 8, 8)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
    )


def test_there_are_all_of_them() -> None:
    assert set(methods()) >= {"ptq", "dynamic", "qat", "lsq", "lsq+", "dorefa", "pact", "wrpn"}
    with pytest.raises(ValueError, match=r"no method is called 'awq'; there are:(\n.*)*'wrpn' trains weights clipped"):
        runtime.quantize(net(), [X], method="awq")


@pytest.mark.parametrize("name", ["qat", "lsq", "lsq+", "dorefa", "pact", "wrpn"])
def test_what_is_trained_leads_to_integers_or_says_beforehand_that_it_cannot(name: str) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    no_integers = find_method(name).no_integers
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        q = runtime.quantize(model, [X], method=name, optimizer=optimizer, inplace=True, verbose=False)
    assert any("convert cannot take" in str(warning.message) for warning in said) is bool(no_integers)
    before = [parameter.detach().clone() for parameter in q.parameters()]
    q.train()
    for _ in range(3):
        optimizer.zero_grad()
        q(X).square().mean().backward()
        optimizer.step()
    assert any(not torch.equal(one, other) for one, other in zip(before, q.parameters(), strict=True))
    q.eval()
    if no_integers:
        with pytest.raises(ValueError, match="only what a ReLU returns has a grid"):
            int8.convert(q)
        return
    converted = int8.convert(q)
    assert not int8.report(converted).in_float
    assert (converted(X) - q(X)).abs().max() < 0.1 * q(X).abs().max()


def test_methods_that_train_copies_need_the_optimizer() -> None:
    with pytest.raises(ValueError, match="'dorefa' needs the optimizer that trains the model"):
        runtime.quantize(net(), [X], method="dorefa")


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="two methods are called 'ptq'"):
        method("ptq", "again")(find_method("ptq").make)
