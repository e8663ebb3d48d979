"""Scikit-learn's handwritten digits at 32x32, and plain loops over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

TRAINED_ON = 1000
BATCH = 50
SHIFT = 2


@dataclass(frozen=True)
class Digits:
    """One split of the 1797 images: 1000 to train on, 797 to test on, of which nothing is chosen by."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor

    def batches(self, size: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
        """All training images in a random order, each moved by some pixels."""
        for rows in torch.randperm(len(self.x)).split(size):
            yield _moved(self.x[rows]), self.y[rows]

    def calibration(self, images: int = 256, size: int = 64) -> list[Tensor]:
        return list(self.x[:images].split(size))


def _moved(images: Tensor) -> Tensor:
    padded = F.pad(images, [SHIFT] * 4, value=images.min().item())
    places = torch.randint(2 * SHIFT + 1, (len(images), 2)).tolist()
    height, width = images.shape[2:]
    moved = [image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, places, strict=True)]
    return torch.stack(moved).contiguous(memory_format=torch.channels_last)


def digits(seed: int) -> Digits:
    """Upsampled from 8x8, as three equal channels of zero mean and unit variance."""
    raw = load_digits()
    x = torch.tensor(raw.images, dtype=torch.float32).unsqueeze(1) / 16
    x = F.interpolate(x, size=32, mode="bilinear", align_corners=False)
    x = ((x - x.mean()) / x.std()).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    y = torch.tensor(raw.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    train, test = order[:TRAINED_ON], order[TRAINED_ON:]
    return Digits(x[train], y[train], x[test], y[test])


def train(model: nn.Module, optimizer: torch.optim.Optimizer, data: Digits, epochs: int, lr: float) -> None:
    """One cycle of the learning rate, which ends at nearly zero."""
    steps = epochs * -(-len(data.x) // BATCH)
    rates = [lr * (group["lr"] / optimizer.param_groups[0]["lr"]) for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    for _ in range(epochs):
        model.train()
        for x, y in data.batches():
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            schedule.step()
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, data: Digits) -> float:
    """In percent of the test images."""
    model.eval()
    batches = zip(data.test_x.split(100), data.test_y.split(100), strict=True)
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    return 100 * right / len(data.test_x)
