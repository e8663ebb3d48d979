"""The networks of `tests.bench.int8_models`, and the shape of one input of each."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import runtime.modules as wrappers


class Attention(nn.Module):
    """Attention of every position to every other, in heads."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(size, size) for _ in range(4))
        self.query.weight.data /= math.sqrt(size // heads)
        self.scores, self.softmax, self.mix = wrappers.Matmul(), nn.Softmax(-1), wrappers.Matmul()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self._in_heads(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = self.mix(self.softmax(self.scores(q, k.transpose(-2, -1))), v)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _in_heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class EncoderLayer(nn.Module):
    """As BERT has it: attention, addition, normalization; two layers with GELU, addition, normalization."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(size, heads)
        self.add, self.norm = wrappers.EltWiseAdd(), nn.LayerNorm(size)
        self.wide, self.gelu, self.narrow = nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size)
        self.add2, self.norm2 = wrappers.EltWiseAdd(), nn.LayerNorm(size)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.add(x, self.attention(x)))
        out: Tensor = self.norm2(self.add2(x, self.narrow(self.gelu(self.wide(x)))))
        return out


class Encoder(nn.Module):
    """Four layers of BERT's size and a classifier of the first position."""

    def __init__(self, layers: int = 4, size: int = 768, heads: int = 12) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer(size, heads) for _ in range(layers)])
        self.classifier = nn.Linear(size, 2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.classifier(x[:, 0])
        return logits


class Recurrent(nn.Module):
    """Two LSTM layers, as torch's own or made of modules, and a classifier of the last step."""

    def __init__(self, lstm: type[nn.Module]) -> None:
        super().__init__()
        self.lstm = lstm(256, 512, 2, batch_first=True)
        self.fc = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.lstm(x)
        logits: Tensor = self.fc(outputs[:, -1])
        return logits


def _image_net(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        models: Any = importlib.import_module("torchvision.models")
        model: nn.Module = getattr(models, name)()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # normalizations that change what they are given
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2.0)
        return model

    return make


IMAGE = (3, 224, 224)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    **{name: (_image_net(name), IMAGE) for name in ("mobilenet_v2", "resnet18", "resnet50")},
    "encoder": (Encoder, (128, 768)),
    "lstm": (lambda: Recurrent(wrappers.LSTM), (64, 256)),
}


def plain(name: str, model: nn.Module) -> nn.Module:
    """What a person would run in floating point: torch's own LSTM in place of the one that is made of modules."""
    if name != "lstm":
        return model
    own = Recurrent(nn.LSTM)
    own.load_state_dict(model.state_dict())
    return own.eval()


def example(name: str, batch: int) -> Tensor:
    return torch.randn(batch, *NETWORKS[name][1])
