"""Hooks that a user has put on modules: they run on what they ran on before, in quantized and converted models."""

import pytest
import torch
from torch import nn

import runtime
from runtime.int8 import compile, convert


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.conv2(self.relu(self.norm(self.conv1(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.flatten = nn.Flatten()
        self.head = nn.Linear(256, 4)

    def forward(self, x):
        return self.head(self.flatten(self.block(x)))


PLACES = ("block.conv1", "block.norm", "block.relu", "block.conv2", "block", "flatten", "head")


def made():
    torch.manual_seed(0)
    return Net().eval(), [torch.randn(2, 4, 8, 8) for _ in range(3)]


def decibels(exact, found):
    return 10 * torch.log10(exact.square().sum() / (exact - found).square().sum()).item()


def quantized(model, data, method="ptq"):
    return runtime.quantize(model, data, method, verbose=False, allow_unprepared=True)


@pytest.mark.parametrize("place", PLACES)
def test_hook_that_changes_a_result_changes_it_still(place):
    model, data = made()
    model.get_submodule(place).register_forward_hook(lambda module, args, output: output * -3 + 1)
    result = quantized(model, data)
    converted = convert(result)
    expected = model(data[0])
    assert decibels(expected, result(data[0])) > 30
    assert torch.equal(converted(data[0]), result(data[0]))
    assert torch.equal(compile(converted, data[0])(data[0]), result(data[0]))


@pytest.mark.parametrize("place", PLACES)
def test_hook_that_changes_an_argument_changes_it_still(place):
    model, data = made()
    model.get_submodule(place).register_forward_pre_hook(lambda module, args: (args[0] * -3 + 1,))
    result = quantized(model, data)
    assert decibels(model(data[0]), result(data[0])) > 30
    assert torch.equal(convert(result)(data[0]), result(data[0]))


@pytest.mark.parametrize("place", PLACES)
def test_hook_that_keeps_a_feature_keeps_it_in_floating_point(place):
    model, data = made()
    kept = []
    model.get_submodule(place).register_forward_hook(lambda module, args, output: kept.append(output.clone()))
    result = quantized(model, data)
    converted = convert(result)
    kept.clear()
    for each in (model, result, converted):
        each(data[0])
    exact, simulated, on_integers = kept
    assert decibels(exact, simulated) > 30 and torch.equal(simulated, on_integers)


@pytest.mark.parametrize("place", PLACES)
def test_trained_model_runs_hooks(place):
    model, data = made()
    model.get_submodule(place).register_forward_hook(lambda module, args, output: output * -3 + 1)
    trained = quantized(model, data, "qat")
    assert decibels(model(data[0]), trained.eval()(data[0])) > 25


def test_summary_says_why(capsys):
    model, data = made()
    model.block.relu.register_forward_hook(lambda module, args, output: None)
    runtime.quantize(model, data)
    assert "hooks run with it, which take floating point" in capsys.readouterr().out
