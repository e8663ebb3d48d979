"""Small models, each with one way in which rewriting brings modules that surgery might miss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from rewriter.results import FileResult
from tests.rewriter.executed import HEADER, load, rewritten


@dataclass(frozen=True)
class Model:
    source: str
    tokens: bool = False
    """It takes numbers of words."""

    @cached_property
    def result(self) -> FileResult:
        return rewritten(HEADER + self.source)

    def build(self, rewritten: bool) -> nn.Module:
        """A new model of the source before or after; it can be pickled until another is built."""
        assert self.result.changed
        net: nn.Module = load(self.result.after if rewritten else self.result.before)["Net"]()
        return net

    def example(self) -> Tensor:
        torch.manual_seed(5)
        return torch.randint(0, 8, (4, 3)) if self.tokens else torch.randn(4, 8)


ENCODER = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.lin = nn.Linear(8, 8)
        self.act = nn.LeakyReLU(0.1)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(8))])

    def forward(self, x):
        for layer in self.layers:
            x = self.act(layer(x))
        x = self.layers[0](x) * self.scales[0] / len(self.layers)
        if isinstance(self.lin, nn.Linear):
            x = F.linear(x, self.lin.weight)
        return self.drop(self.norm(self.lin(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = Encoder()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        return self.fc(self.encode(self.encode(x) + 1))
"""

LAYERS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 8)

    def forward(self, x):
        x = self.norm(self.fc(x)) + x
        return self.head(self.norm(self.fc(x)))
"""

ACTIVATIONS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.act = nn.LeakyReLU(0.2)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(8, 8)

    def forward(self, x):
        x = self.drop(self.act(self.fc(x))) * 1
        seen = x
        x += 1
        return self.act(self.drop(self.fc2(x)) - 0.5) * seen
"""

CHOSEN = """
class Net(nn.Module):
    def __init__(self, act_layer=nn.LeakyReLU):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.act = act_layer()
        self.fc2 = nn.Linear(8, 8)

    def forward(self, x):
        return self.act(self.fc2(self.act(self.fc(x))) * 3)
"""

BLOCKS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.LeakyReLU(0.2)
        self.norm = nn.BatchNorm1d(8)
        self.blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.steps = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

    def forward(self, x):
        for block in self.blocks:
            x = x + self.act(self.norm(block(x)))
        return self.steps(x)
"""

RECURRENT = """
class Net(nn.Module):
    def __init__(self, steps=2):
        super().__init__()
        self.steps = steps
        self.cell = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        h = x
        for _ in range(self.steps):
            h = torch.tanh(self.cell(h) + x)
        return self.drop(h)
"""

FUNCTION = """
class Net(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = act
        self.fc = nn.Linear(8, 8)
        self.fc2 = nn.Linear(8, 8)

    def forward(self, x):
        return self.act(self.fc2(self.act(self.fc(x))))
"""

HELPER = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.fc2 = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)

    def mix(self, x, y):
        return self.drop(F.relu(x) + y * 2)

    def forward(self, x):
        return self.mix(self.fc2(x), self.mix(self.fc(x), x))
"""

SEQUENTIAL = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))

    def forward(self, x):
        for layer in self:
            x = layer(x)
        return x + F.relu(super().forward(x))
"""

BY_NAME = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Linear(8, 8)})
        self.act = nn.ReLU()

    def forward(self, x):
        for name, part in self.parts.items():
            x = x * 0.5 + self.act(part(x))
        return self.parts["a"](self.act(x))
"""

MIXIN = """
class Scaled:
    def scaled(self, x):
        return x * 0.5 + self.drop(x)


class Net(Scaled, nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return torch.relu(self.scaled(self.fc(x))) + x
"""

EMBEDDING = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(8, 8)
        self.norm = nn.LayerNorm(8)
        self.fc = nn.Linear(8, 8)
        self.head = nn.Linear(8, 8, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens):
        x = self.norm(self.words(tokens))
        x = x + F.gelu(self.fc(self.norm(x)))
        return self.head(self.norm(x))
"""

CONVOLUTIONS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1)
        self.norm = nn.BatchNorm1d(1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.norm(self.conv(x[:, None])))
        x = x + 1
        return self.relu(self.norm(self.conv(x)) - 1)
"""

MODELS = {
    "encoder called twice": Model(ENCODER),
    "layers called twice": Model(LAYERS),
    "activations called twice": Model(ACTIVATIONS),
    "a chosen activation called twice": Model(CHOSEN),
    "blocks in a loop": Model(BLOCKS),
    "counted steps": Model(RECURRENT),
    "a stored function": Model(FUNCTION),
    "a helper called twice": Model(HELPER),
    "a subclass of Sequential": Model(SEQUENTIAL),
    "modules by name": Model(BY_NAME),
    "a mixin": Model(MIXIN),
    "a tied embedding": Model(EMBEDDING, tokens=True),
    "convolutions called twice": Model(CONVOLUTIONS),
}
