"""What `test_distributed_training` runs, in one process or under torchrun in several: `... distributed_worker FOLDER`.

Each process leaves what it knows at the end in FOLDER/rank<N>.pt. All processes together see the batches that one
process sees, each its own rows of every batch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from runtime.modules import LSTM
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer, TrainingQuantizer
from runtime.quantization.methods.lsq import LSQQuantizer
from tests.runtime.quantization.small import ConvNet, quadrants

STEPS, BATCH = 8, 32


class ExactNet(nn.Module):
    """Small multiples of powers of two, so that no sum is rounded, in whatever order it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, bias=False)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 4, 3, bias=False)
        self.relu2 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(64, 4, bias=False)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randint(-4, 5, parameter.shape) / 8)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.flatten(self.relu2(self.conv2(self.relu(self.conv(x))))))
        return logits


class Rows(nn.Module):
    """Reads as many rows of its images as it is told to: processes may differ in how often their modules run."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = LSTM(8, 6, batch_first=True)
        self.fc = nn.Linear(6, 4)
        self.rows = 8

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.lstm(x[:, 0, : self.rows])[0][:, -1])
        return logits


def run(model: nn.Module, quantizer: TrainingQuantizer, lr: float, images: Tensor, labels: Tensor) -> dict[str, Any]:
    """Trains for some steps; gives the losses over whole batches and the state of everything that quantizes."""
    quantizer.prepare_model(images[:2])
    ranks, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
    trained = DistributedDataParallel(model) if dist.is_initialized() else model
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for step in range(STEPS):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH)[rank * BATCH // ranks : (rank + 1) * BATCH // ranks]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(trained(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        whole = loss.detach() / ranks
        if dist.is_initialized():
            dist.all_reduce(whole)
        losses.append(whole.item())
    state = {name: value.clone() for name, value in model.state_dict().items() if "quantizer" in name}
    return {"losses": losses, "state": state}


def results() -> dict[str, Any]:
    images, labels = quadrants(STEPS * BATCH)
    settings: dict[str, Any] = {"bits_activations": 8, "bits_weights": 8, "freeze_bn_after": 0}
    found = {}
    torch.manual_seed(0)
    exact = ExactNet()
    watching = QuantAwareTrainRangeLinearQuantizer(exact, start_after=STEPS, **settings)
    found["observers"] = run(exact, watching, 0.0, (images * 4).round() / 4, labels)
    torch.manual_seed(0)
    model = ConvNet()
    found["aware"] = run(model, QuantAwareTrainRangeLinearQuantizer(model, **settings), 0.05, images, labels)
    torch.manual_seed(0)
    model = ConvNet()
    found["lsq"] = run(model, LSQQuantizer(model, **{**settings, "bits_weights": 4}), 0.05, images, labels)
    return found


def uneven() -> dict[str, Any]:
    """Processes run their modules differently often, and agree all the same."""
    images, labels = quadrants(STEPS * BATCH)
    torch.manual_seed(0)
    model = Rows()
    quantizer = QuantAwareTrainRangeLinearQuantizer(model, bits_activations=8, bits_weights=8)
    model.rows = 8 - 3 * dist.get_rank()
    return run(model, quantizer, 0.05, images, labels)


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.save({**results(), "uneven": uneven()}, Path(sys.argv[1]) / f"rank{dist.get_rank()}.pt")
    dist.destroy_process_group()
