"""Calibration in one process: what is observed, under which name, and what is left as it was."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import runtime.modules
from runtime.quantization.calibration import calibrate, merged
from runtime.quantization.observers import Statistics


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.relu = nn.ReLU(inplace=True)
        self.split = runtime.modules.Chunk(chunks=2, dim=1)
        self.add = runtime.modules.EltWiseAdd()
        self.head = nn.Linear(4, 2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.split(self.relu(self.conv(x)))
        out: Tensor = self.dropout(self.head(self.add(first, second).flatten(1)))
        return out


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def plain(statistics: dict[str, Statistics]) -> dict[str, object]:
    return {name: entry.to_plain() for name, entry in statistics.items()}


def test_outputs_and_outside_inputs_are_observed() -> None:
    model, x = Net().train(), images(3, 1, 4, 4)
    statistics = calibrate(model, [x])
    # The input of `head` is a view of what `add` gave: calibration does not know, and observes it.
    outside = {"conv:input0", "head:input0"}
    assert set(statistics) == {"conv", "relu", "split", "split:output1", "add", "head", "dropout"} | outside
    conv = model.conv(x)
    assert statistics["conv"].low.item() == conv.min().item() < 0  # before the ReLU changed it in place
    assert statistics["relu"].low.item() == 0
    assert statistics["conv:input0"].high.item() == x.max().item()
    assert statistics["split:output1"].high.item() == conv.relu()[:, 1].max().item()
    assert torch.equal(statistics["dropout"].high, statistics["head"].high)  # in eval mode
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_batches_of_all_kinds() -> None:
    x = images(4, 1, 4, 4)
    model = Net()
    expected = plain(calibrate(model, [x[:2], x[2:]]))
    labels = torch.zeros(4)
    assert plain(calibrate(model, DataLoader(TensorDataset(x, labels), batch_size=2))) == expected
    assert plain(calibrate(model, [{"x": x[:2]}, {"x": x[2:]}])) == expected
    assert plain(calibrate(model, [0, 2], forward=lambda m, start: m(x[start : start + 2]))) == expected


def test_shards_merge_to_the_whole() -> None:
    model = Net()
    batches = [images(2, 1, 4, 4, seed=seed) for seed in range(4)]
    whole = calibrate(model, batches)
    numbered = [calibrate(model, [batch]) for batch in batches]
    for number, part in enumerate(numbered):
        for entry in part.values():
            entry.batches = {number: entry.batches[0]}
    assert plain(merged([numbered[2], numbered[0], numbered[3], numbered[1]])) == plain(whole)


def test_a_handle_is_observed_under_its_own_name() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.second = runtime.modules.again(self.first)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.second(self.first(x))
            return out

    model, x = Twice(), images(2, 3)
    statistics = calibrate(model, [x])
    assert set(statistics) == {"first", "first:input0", "second"}
    assert statistics["second"].high.item() == model(x).max().item()


def test_masks_are_told_and_nan_is_an_error() -> None:
    statistics = calibrate(nn.Sequential(nn.Identity()), [torch.tensor([0.0, -math.inf])])
    assert statistics["0"].infinite
    with pytest.raises(ValueError, match=r"calibration of '0:input0' in batch 1: .* NaN"):
        calibrate(nn.Sequential(nn.Identity()), [torch.ones(1), torch.tensor([math.nan])])


def test_nothing_to_calibrate_with() -> None:
    with pytest.raises(ValueError, match="the data are empty"):
        calibrate(Net(), [])
