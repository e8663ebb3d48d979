"""Who takes whose output, in models whose answer can be read off their forward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runtime.modules import EltWiseAdd
from runtime.modules.tied import again
from runtime.quantization.adjacency import Adjacency, find_adjacency


class Net(nn.Module):
    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.conv2 = nn.Conv2d(3, 3, 1)
        self.again = again(self.conv)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.add = EltWiseAdd()
        self.body = forward

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)


def seen(forward: Any) -> Adjacency:
    return find_adjacency(Net(forward), torch.randn(2, 3, 4, 4))


def test_a_chain() -> None:
    adjacency = seen(lambda m, x: m.relu(m.norm(m.conv(x))))
    assert adjacency.only_consumer("conv") == "norm"
    assert adjacency.only_consumer("norm") == "relu"
    assert adjacency.only_consumer("relu") is None, "the model's output is taken by nobody that is a module"
    assert adjacency.raw_inputs("conv") == (0,) and adjacency.raw_inputs("norm") == ()
    assert "conv2" not in adjacency.places and adjacency.raw_inputs("conv2") == ()


def test_an_output_that_two_take_is_nobodys_alone() -> None:
    def residual(m: Any, x: Tensor) -> Tensor:
        y = m.conv(x)
        return m.add(m.norm(y), y)

    assert seen(residual).only_consumer("conv") is None


def test_an_output_that_a_raw_operation_takes_is_nobodys_alone() -> None:
    def raw(m: Any, x: Tensor) -> Any:
        y = m.conv(x)
        return m.norm(y), y.mean()

    assert seen(raw).only_consumer("conv") is None
    assert seen(lambda m, x: m.norm(m.conv(x) * 2)).raw_inputs("norm") == (0,)


def test_looking_at_a_shape_takes_nothing() -> None:
    def looking(m: Any, x: Tensor) -> Tensor:
        y = m.conv(x)
        assert y.size(0) == 2 and y.shape[1] == 3 and y.dim() == 4
        return m.norm(y)

    assert seen(looking).only_consumer("conv") == "norm"


def test_another_shape_has_the_same_values_but_is_no_chain() -> None:
    adjacency = seen(lambda m, x: m.norm(m.conv(x).transpose(2, 3).reshape(2, 3, 4, 4)))
    assert adjacency.only_consumer("conv") is None
    assert adjacency.places["norm"].sources == [["conv"]]


def test_a_raw_operation_in_place_makes_raw_values() -> None:
    def raw(m: Any, x: Tensor) -> Tensor:
        y = m.conv(x)
        y += 1
        return m.norm(y)

    assert seen(raw).raw_inputs("norm") == (0,)


def test_a_module_that_is_called_twice_is_in_no_chain() -> None:
    adjacency = seen(lambda m, x: m.norm(m.conv(m.conv(x))))
    assert adjacency.places["conv"].calls == 2
    assert adjacency.only_consumer("conv") is None
    assert adjacency.raw_inputs("conv") == (), "only the first call takes the model's input"


def test_a_tied_handle_is_a_place_of_its_own() -> None:
    adjacency = seen(lambda m, x: m.norm(m.again(m.conv(x))))
    assert adjacency.only_consumer("conv") == "again"
    assert adjacency.only_consumer("again") == "norm"


def test_the_model_is_left_as_it_was() -> None:
    model = Net(lambda m, x: m.norm(m.conv(x)))
    model.norm.train()
    model.conv.eval()
    mean = model.norm.running_mean.clone()
    find_adjacency(model, torch.randn(2, 3, 4, 4))
    assert model.norm.training and not model.conv.training
    assert torch.equal(model.norm.running_mean, mean)
    assert not model.conv._forward_hooks and not model.conv._forward_pre_hooks


def test_several_arguments() -> None:
    class Adding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add = EltWiseAdd()

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.add(a, b)

    x = torch.randn(2)
    for given in ((x, x), {"a": x, "b": x}):
        assert find_adjacency(Adding(), given).places["add"].sources == [[None, None]]
