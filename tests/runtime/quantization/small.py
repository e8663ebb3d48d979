"""Models and loops that the tests of trained quantizers share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runtime.modules import EltWiseAdd


class ConvNet(nn.Module):
    """Convolution, normalization, ReLU, a residual, and a classifier, every operation a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(8)
        self.add = EltWiseAdd()
        self.relu2 = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        x = self.relu2(self.add(x, self.norm2(self.conv2(x))))
        logits: Tensor = self.fc(self.flatten(self.pool(x)))
        return logits


def quadrants(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise with a bright spot in one of four quadrants, and which one."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.3 * torch.randn(count, 1, 8, 8, generator=generator)
    y = torch.randint(4, (count,), generator=generator)
    for image, quadrant in zip(x, y, strict=True):
        row, column = 4 * (int(quadrant) // 2), 4 * (int(quadrant) % 2)
        image[0, row + 1 : row + 3, column + 1 : column + 3] += 1.0
    return x, y


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, batch: int = 32) -> list[float]:
    """The losses of so many steps."""
    x, y = quadrants(256)
    model.train()
    losses = []
    for step in range(steps):
        rows = torch.arange(step * batch, (step + 1) * batch) % len(x)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(model: nn.Module) -> float:
    x, y = quadrants(512, seed=1)
    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def levels(tensor: Tensor) -> int:
    """How many different numbers there are."""
    return len(torch.unique(tensor.detach()))


def outputs_of(model: nn.Module, name: str, x: Tensor) -> Tensor:
    """What the module of this name gives when the model runs."""
    seen: list[Tensor] = []
    hook = model.get_submodule(name).register_forward_hook(lambda m, a, out: seen.append(out))
    with torch.no_grad():
        model(x)
    hook.remove()
    return seen[0]
