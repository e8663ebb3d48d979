"""What a model cannot take is said with the door, the batch, its shape, the module where it stopped, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import runtime
from runtime import int8
from runtime.quantization import (
    PostTrainLinearQuantizer,
    QuantAwareTrainRangeLinearQuantizer,
    accuracy_control,
    calibrate,
    equalize,
    search_bits,
    sensitivity,
)
from runtime.quantization.inputs import InputError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(Block(), nn.ReLU())
        self.head = nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        assert x.dim() == 4
        out: Tensor = self.head(self.stem(x))
        return out


X = torch.randn(4, 1, 8, 8)
WRONG = torch.randn(4, 3, 8, 8)


def converted() -> nn.Module:
    return int8.convert(runtime.quantize(Net().eval(), [X], verbose=False))


DOORS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "quantize": ("batch 0 of data", lambda x: runtime.quantize(Net(), [x])),
    "calibrate": ("batch 0 of data", lambda x: calibrate(Net(), [x])),
    "sensitivity": ("batch 0 of data", lambda x: sensitivity(Net(), [x])),
    "accuracy_control": ("batch 0 of data", lambda x: accuracy_control(Net(), [x], lambda model: 1.0)),
    "search_bits": ("batch 0 of data", lambda x: search_bits(Net(), [x], 100)),
    "equalize": ("its example", lambda x: equalize(Net(), x)),
    "PostTrainLinearQuantizer.prepare_model": (
        "its example",
        lambda x: PostTrainLinearQuantizer(Net(), ranges={}).prepare_model(x),
    ),
    "QuantAwareTrainRangeLinearQuantizer.prepare_model": (
        "its example",
        lambda x: QuantAwareTrainRangeLinearQuantizer(Net(), None, 8, 8).prepare_model(x),
    ),
    "compile": ("the example", lambda x: int8.compile(converted(), x)),
    "the compiled model": ("this (input 0 must be", lambda x: int8.compile(converted(), X)(x)),
}


@pytest.mark.parametrize("door", DOORS)
def test_shapes_that_do_not_fit(door: str) -> None:
    what, call = DOORS[door]
    with pytest.raises(InputError) as caught:
        call(WRONG)
    said = str(caught.value)
    assert said.startswith(f"{door}: the model cannot take {what}")
    assert "float32 of shape (4, 3, 8, 8)" in said
    assert re.search(r"it stopped in 'stem\.0\.conv', Conv.*, which was given float32 of shape \(4, 3, 8, 8\)", said)
    assert "its forward takes (x)" in said
    assert caught.value.__cause__ is not None and str(caught.value.__cause__).splitlines()[0][:60] in said


@pytest.mark.parametrize("door", DOORS)
def test_what_is_not_a_tensor(door: str) -> None:
    if door == "the compiled model":
        return  # which says itself what it takes
    with pytest.raises(InputError, match=rf"(?s)^{door}: .*torch\.from_numpy makes a tensor of it"):
        DOORS[door][1](X.numpy())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("data/", "data must yield batches, as a list or a DataLoader does, not be str 'data/'"),
        (X.numpy(), r"not be numpy array of float32 of shape \(4, 1, 8, 8\), .* torch\.from_numpy"),
        (["text"], r"batch 0 of data, str 'text'.*stopped in Net itself.*pass the tensors that are made of it"),
        ([None], "batch 0 of data, None.*holds None, which is not a tensor"),
        ([DataLoader(TensorDataset(X))], r"holds DataLoader, which yields batches: next\(iter\(loader\)\)"),
        ([X.double()], r"the model is in torch\.float32, and this is torch\.float64: call \.to\(torch\.float32\)"),
        ([X.to(torch.uint8)], r"this layer takes floating point: call \.float\(\)"),
        ([{"x": X, "labels": X}], "forward takes no 'labels': leave that out of the mapping"),
        ([X, WRONG], r"the model cannot take batch 1 of data, float32 of shape \(4, 3, 8, 8\)"),
        ([X, X * float("nan")], r"calibration of 'stem\.0\.conv:input0' in batch 1: .*NaN"),
        ([], "data has no batch"),
    ],
)
def test_what_data_may_be_instead(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s)^quantize: .*{message}"):
        runtime.quantize(Net(), data, verbose=False)


def test_a_forward_of_the_users_own_that_fails() -> None:
    with pytest.raises(InputError, match=r"(?s)batch 0 of data, \{'x': .* does not come as far as the model.*KeyError"):
        runtime.quantize(Net(), [{"x": X}], forward=lambda model, batch: model(batch["image"]), verbose=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), r"the example, \(\).*its forward takes \(x\)"),
        ((X, X), "the arguments of one call, and each shape takes a program"),
        ((DataLoader(TensorDataset(X)),), r"pass one batch, next\(iter\(loader\)\)"),
        ((WRONG,), r"it was quantized with float32 of shape \(4, 1, 8, 8\)"),
    ],
)
def test_what_is_not_an_example(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s)^compile: .*{message}"):
        int8.compile(converted(), *given)


def test_memory_that_runs_out_is_not_the_batchs_fault() -> None:
    class Full(Net):
        def forward(self, x: Tensor) -> Tensor:
            raise MemoryError

    with pytest.raises(MemoryError):
        runtime.quantize(Full(), [X], verbose=False)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("hed", r"overrides\['hed'\] holds for no module of the model: did you mean 'head'\?"),
        ("qqq", "there are 'head', 'stem', 'stem.0', 'stem.0.conv', 'stem.1'"),
        ("stem", r"for what only holds others, and decides nothing: for these write 'stem"),
    ],
)
def test_overrides_that_name_nothing(pattern: str, message: str) -> None:
    calls = []
    net = Net()
    net.register_forward_hook(lambda *_: calls.append(1))
    for door in (runtime.quantize, sensitivity):
        with pytest.raises(InputError, match=message):
            door(net, [X], overrides={pattern: {"bits_weights": 4}})
    assert calls == []


def test_overrides_name_what_a_data_parallel_holds() -> None:
    overrides = {"head": {"bits_weights": 4}}
    quantized = runtime.quantize(nn.DataParallel(Net()), [X], verbose=False, goal=0, overrides=overrides)
    assert quantized.module.head.weight_grid.bits == 4


class Either(Net):
    """Takes one image as well as a batch of them."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 3:
            x = x.unsqueeze(1)
        return super().forward(x)


def test_data_and_examples_of_two_shapes() -> None:
    small = X[:, 0]
    quantized = runtime.quantize(Either(), [X, small], verbose=False)
    model = int8.convert(quantized)
    with torch.no_grad():
        for given in (X, small):
            program = int8.compile(model, given)
            assert program.reason == "" and torch.equal(program(given), quantized(given))
