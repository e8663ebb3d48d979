"""Thinned models: smaller, and what they return is what the masked ones return."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import Concat, EltWiseAdd, EltWiseMult
from runtime.quantization import PostTrainLinearQuantizer, calibrate
from runtime.schedule import (
    CompressionScheduler,
    CoupledFilterPruner,
    FilterRemover,
    L1RankedStructureParameterPruner,
    PruningPolicy,
    file_config,
    load_checkpoint,
    save_checkpoint,
    thin,
)
from runtime.schedule.channels import channel_groups
from runtime.schedule.masks import Masks

X = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def block(inputs: int, outputs: int, **settings: Any) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, **settings), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Branches(nn.Module):
    """A residual, a concatenation, a depthwise convolution, a gate, and a flattened classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 8)
        self.inner = block(8, 12)
        self.outer = nn.Conv2d(12, 8, 1)
        self.add = EltWiseAdd()
        self.side = block(8, 6)
        self.concat = Concat(1)
        self.depthwise = block(14, 14, groups=14)
        self.act = nn.PReLU(14)
        self.project = nn.Conv2d(14, 10, 1, bias=False)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(10, 10, 1), nn.Sigmoid())
        self.mult = EltWiseMult()
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(40, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.add(x, self.outer(self.inner(x)))
        x = self.concat(x, self.side(x))
        x = self.project(self.act(self.depthwise(x)))
        x = self.mult(x, self.gate(x))
        logits: Tensor = self.fc(self.flatten(self.pool(x)))
        return logits


def trained(seed: int = 0) -> Branches:
    """With statistics and affine parameters that are not those of a new normalization."""
    torch.manual_seed(seed)
    model = Branches()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
    for _ in range(3):
        model(torch.randn(8, 3, 16, 16))
    return model.eval()


def mask_by(model: nn.Module, pruner: Any) -> CompressionScheduler:
    scheduler = CompressionScheduler(model, X)
    scheduler.add_policy(PruningPolicy(pruner), epochs=[0])
    scheduler.on_epoch_begin(0)
    scheduler.on_minibatch_end(0)
    return scheduler


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_half_of_all_channels_go_and_the_outputs_stay() -> None:
    model = trained()
    scheduler = mask_by(model, CoupledFilterPruner("half", model, X, 0.5))
    masked, before = model(X), size(model)
    recipe = thin(model, X, scheduler.masks)
    assert torch.allclose(model(X), masked, rtol=0, atol=1e-5)
    assert size(model) < 0.4 * before
    assert model.stem[0].out_channels + model.side[0].out_channels == 7, "they are concatenated"
    assert model.outer.out_channels == model.stem[0].out_channels == model.inner[0].in_channels, "they are added"
    assert model.inner[0].out_channels == 6
    assert (model.depthwise[0].groups, model.depthwise[0].in_channels) == (7, 7)
    assert model.project.weight.shape == (5, 7, 1, 1) and model.fc.weight.shape == (5, 20)
    assert all(mask.mask is None or mask.mask.all() for mask in scheduler.masks.values()), "nothing pruned is left"
    assert recipe.sizes["inner.1"] == {"num_features": 6}


def test_a_filter_that_only_one_layer_reads_goes_though_its_normalization_was_not_pruned() -> None:
    model = trained()
    names = ["inner.0.weight", "outer.weight"]
    scheduler = mask_by(model, L1RankedStructureParameterPruner("l1", "Filters", 0.5, names))
    thin(model, X, scheduler.masks)
    assert model.inner[0].out_channels == 6 == model.outer.in_channels == model.inner[1].num_features
    assert model.outer.out_channels == 8, "its outputs are added to others, which are not pruned"


def test_channels_that_no_layer_reads_go_whatever_writes_them() -> None:
    model = trained()
    scheduler = mask_by(model, L1RankedStructureParameterPruner("l1", "Channels", 0.25, "outer.weight"))
    expected = model(X)
    thin(model, X, scheduler.masks)
    assert model.inner[0].out_channels == 9 and model.outer.weight.shape[1] == 9
    assert torch.allclose(model(X), expected, rtol=0, atol=1e-5)


def test_an_unpruned_model_stays_as_it_is() -> None:
    model = trained()
    before = copy.deepcopy(model.state_dict())
    assert not thin(model, X)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


class Shifted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.sigmoid, self.two = nn.Conv2d(3, 8, 1, bias=False), nn.Sigmoid(), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.two(self.sigmoid(self.one(x)))
        return result


def test_a_model_that_makes_something_of_zeros_is_left_as_it_is_and_that_is_said() -> None:
    model = Shifted().eval()
    scheduler = mask_by(model, L1RankedStructureParameterPruner("l1", "Filters", 0.5, "one.weight"))
    with pytest.raises(ValueError, match="makes something other than zero of a pruned channel's zeros"):
        thin(model, X, scheduler.masks)
    assert model.one.out_channels == 8


def test_outputs_of_the_model_and_mixing_layers_keep_their_channels() -> None:
    class Returning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1, groups=2)
            self.three, self.norm, self.four = nn.Conv2d(8, 8, 1), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            features = self.three(self.two(self.one(x)))
            return features, self.four(self.norm(features))

    assert channel_groups(Returning(), X) == []


def test_the_optimizer_goes_on_with_what_is_left() -> None:
    model = trained()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model(X).square().mean().backward()
    optimizer.step()
    scheduler = mask_by(model, CoupledFilterPruner("half", model, X, 0.5))
    kept = scheduler.masks["stem.0.weight"].mask.flatten(1).all(1)
    momentum = optimizer.state[model.stem[0].weight]["exp_avg"][kept].clone()
    parameters = list(map(id, model.parameters()))
    thin(model, X, scheduler.masks, optimizer)
    assert list(map(id, model.parameters())) == parameters
    assert torch.equal(optimizer.state[model.stem[0].weight]["exp_avg"], momentum)
    before = model.stem[0].weight.clone()
    model(X).square().mean().backward()
    optimizer.step()
    assert not torch.equal(model.stem[0].weight, before)


SCHEDULE = """\
pruners:
  channels: {class: CoupledFilterPruner, initial_sparsity: 0.1, desired_sparsity: 0.5}
extensions:
  thinner: {class: FilterRemover, thinning_func_str: remove_filters, arch: resnet20_cifar, dataset: cifar10}
policies:
  - pruner: {instance_name: channels}
    starting_epoch: 0
    ending_epoch: 2
  - extension: {instance_name: thinner}
    epochs: [2]
"""


def test_a_schedule_thins_in_its_epoch_and_a_checkpoint_of_the_thinned_model_loads(tmp_path: Path) -> None:
    (tmp_path / "thin.yaml").write_text(SCHEDULE)

    def made() -> Any:
        model = trained()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        return model, optimizer, file_config(model, optimizer, tmp_path / "thin.yaml", dummy_input=X)

    def step(model: Any, optimizer: Any, scheduler: Any, epoch: int) -> None:
        scheduler.on_epoch_begin(epoch, optimizer)
        optimizer.zero_grad()
        model.train()(X).square().mean().backward()
        optimizer.step()
        scheduler.on_minibatch_end(epoch)
        scheduler.on_epoch_end(epoch)

    first = made()
    for epoch in range(3):
        step(*first, epoch)
    assert first[0].stem[0].out_channels + first[0].side[0].out_channels == 7
    file = io.BytesIO()
    save_checkpoint(file, first[2], first[1])
    file.seek(0)
    second = made()
    load_checkpoint(file, second[2], second[1])
    for made_one in (first, second):
        step(*made_one, 3)
    states = first[0].state_dict(), second[0].state_dict()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_thinning_needs_an_example_and_a_model_that_is_not_quantized_yet() -> None:
    with pytest.raises(ValueError, match="pass dummy_input"):
        FilterRemover()
    model = trained()
    PostTrainLinearQuantizer(model, statistics=calibrate(model, [X])).prepare_model(X)
    with pytest.raises(ValueError, match="before it is quantized"):
        thin(model, X, Masks(model))
