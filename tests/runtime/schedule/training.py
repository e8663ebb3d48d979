"""A small training loop with all callbacks, which can stop anywhere and go on from a checkpoint."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from runtime.schedule import CompressionScheduler, load_checkpoint, save_checkpoint
from tests.runtime.quantization.small import ConvNet, quadrants

EPOCHS = 6
BATCHES = 3
Border = tuple[int, int]
"""An epoch, and how many of its minibatches are done."""
Made = tuple[nn.Module, torch.optim.Optimizer, CompressionScheduler]


class Net(ConvNet):
    """The residual network of the quantizers' tests, with something that draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(super().forward(x))


def made(configure: Callable[[CompressionScheduler, torch.optim.Optimizer], Any], seed: int = 0) -> Made:
    torch.manual_seed(seed)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    scheduler = CompressionScheduler(model, dummy_input=quadrants(2)[0])
    configure(scheduler, optimizer)
    return model, optimizer, scheduler


def loader() -> Any:
    return DataLoader(TensorDataset(*quadrants(32 * BATCHES)), batch_size=32, shuffle=True)


def train(made: Made, save_at: Sequence[Border] = (), stop_at: Border | None = None) -> list[io.BytesIO]:
    """Trains from where the scheduler is to the end, or up to `stop_at`, and returns checkpoints of every border named."""
    model, optimizer, scheduler = made
    files = []
    for epoch in range(scheduler.epoch, EPOCHS):
        if (epoch, 0) in save_at:
            files.append(saved(made))
        if (epoch, 0) == stop_at:
            return files
        model.train()
        scheduler.on_epoch_begin(epoch)
        for number, (x, y) in scheduler.minibatches(loader()):
            scheduler.on_minibatch_begin(epoch, number, BATCHES, optimizer)
            loss = nn.functional.cross_entropy(model(x), y)
            loss = scheduler.before_backward_pass(epoch, number, BATCHES, loss, optimizer)
            optimizer.zero_grad()
            loss.backward()
            scheduler.before_parameter_optimization(epoch, number, BATCHES, optimizer)
            optimizer.step()
            scheduler.on_minibatch_end(epoch, number, BATCHES, optimizer)
            if (epoch, number + 1) in save_at:
                files.append(saved(made))
            if (epoch, number + 1) == stop_at:
                return files
        scheduler.on_epoch_end(epoch, optimizer, metrics=validation_loss(model))
    return files


@torch.no_grad()
def validation_loss(model: nn.Module) -> float:
    x, y = quadrants(16, seed=1)
    return nn.functional.cross_entropy(model.eval()(x), y).item()


def saved(made: Made) -> io.BytesIO:
    file = io.BytesIO()
    save_checkpoint(file, made[2], made[1])
    file.seek(0)
    return file


def borders() -> list[Border]:
    """Every epoch's beginning and a point in the midst of each, another one each time, and the end."""
    return [(epoch, minibatch) for epoch in range(EPOCHS) for minibatch in (0, 1 + epoch % BATCHES)]


def resumed(configure: Callable[..., Any], file: io.BytesIO) -> Made:
    """Model, optimizer and scheduler made anew, with other random numbers, and loaded."""
    fresh = made(configure, seed=99)
    load_checkpoint(file, fresh[2], fresh[1])
    return fresh


def same_bits(one: Any, other: Any) -> bool:
    """Whether two checkpoints, or two parts of such, hold the same."""
    if isinstance(one, io.BytesIO):
        one, other = (torch.load(io.BytesIO(file.getvalue()), weights_only=True) for file in (one, other))
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_bits(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_bits, one, other))
    return bool(one == other)
