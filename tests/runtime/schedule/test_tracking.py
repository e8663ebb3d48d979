"""What a tracker is told, and the callback for Lightning."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from runtime.schedule import (
    AutomatedGradualPruner,
    CompressionScheduler,
    L1Regularizer,
    PruningPolicy,
    RegularizationPolicy,
    SparsityLevelParameterPruner,
    TrackingPolicy,
    tensorboard,
)
from tests.runtime.quantization.small import ConvNet, quadrants
from tests.runtime.schedule.training import EPOCHS, borders, made, resumed, same_bits, train


class Writer:
    """Has what this package uses of a SummaryWriter."""

    def __init__(self) -> None:
        self.scalars: dict[str, list[tuple[int, float]]] = {}
        self.histograms: dict[str, list[int]] = {}

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        self.scalars.setdefault(tag, []).append((global_step, scalar_value))

    def add_histogram(self, tag: str, values: Tensor, global_step: int) -> None:
        assert values.numel()
        self.histograms.setdefault(tag, []).append(global_step)


def tracked(track: Any, histograms: bool = False) -> Any:
    def configure(scheduler: CompressionScheduler, optimizer: Any) -> None:
        scheduler.add_policy(TrackingPolicy(track, histograms), starting_epoch=0, ending_epoch=EPOCHS)
        scheduler.add_policy(PruningPolicy(SparsityLevelParameterPruner("half", {"fc.weight": 0.5})), epochs=[2])

    return configure


def test_tensorboard_is_told_scalars_and_histograms_of_each_epoch() -> None:
    writer = Writer()
    train(made(tracked(tensorboard(writer), histograms=True)))
    names = ["loss", "metric", "learning rate/0", "sparsity/conv.weight", "sparsity/conv2.weight", "sparsity/fc.weight"]
    assert sorted(writer.scalars) == sorted([*names, "sparsity"])
    assert [value for _, value in writer.scalars["sparsity/fc.weight"]] == [0, 0, 0.5, 0.5, 0.5, 0.5]
    assert [step for step, _ in writer.scalars["loss"]] == list(range(EPOCHS))
    losses = [value for _, value in writer.scalars["loss"]]
    assert losses[-1] < losses[0] and writer.scalars["learning rate/0"][0] == (0, 0.05)
    assert writer.histograms["weights/conv2.weight"] == list(range(EPOCHS))


def test_any_function_is_told_the_same_after_an_interruption() -> None:
    told: list[tuple[str, float, int]] = []
    configure = tracked(lambda *one: told.append(one))
    [*_, file, _] = train(made(configure), save_at=borders())
    whole = [one for one in told if one[2] == EPOCHS - 1]
    told.clear()
    train(resumed(configure, file))
    assert [one for one in told if one[2] == EPOCHS - 1] == whole


def test_lightning_trains_as_a_loop_of_ones_own() -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    from runtime.schedule.lightning import CompressionCallback

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.net = ConvNet()

        def training_step(self, batch: Any, _: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.net.parameters(), lr=0.05, momentum=0.9)

    def scheduler_of(net: nn.Module) -> CompressionScheduler:
        scheduler = CompressionScheduler(net)
        pruner = AutomatedGradualPruner("agp", 0.1, 0.6, ["conv2.weight"])
        scheduler.add_policy(PruningPolicy(pruner), starting_epoch=0, ending_epoch=2)
        scheduler.add_policy(RegularizationPolicy(L1Regularizer("l1", net, {"fc.weight": 0.1})), epochs=[0, 1])
        return scheduler

    loader = DataLoader(TensorDataset(*quadrants(64)), batch_size=32)
    module = Module()
    callback = CompressionCallback(scheduler_of(module.net))
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    lightning.Trainer(max_epochs=2, accelerator="cpu", callbacks=[callback], **quiet).fit(module, loader)

    own = Module().net.train()
    scheduler, optimizer = scheduler_of(own), torch.optim.SGD(own.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(2):
        scheduler.on_epoch_begin(epoch)
        for x, y in loader:
            scheduler.on_minibatch_begin(epoch)
            loss = scheduler.before_backward_pass(epoch, loss=nn.functional.cross_entropy(own(x), y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.on_minibatch_end(epoch)
        scheduler.on_epoch_end(epoch)
    assert same_bits(module.net.state_dict(), own.state_dict())
