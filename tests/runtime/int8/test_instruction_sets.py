"""One file gives the same bits with every instruction set that runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import kernels
from runtime.int8 import CompiledModel, compile, convert
from runtime.int8.files import from_bytes, to_bytes
from runtime.kernels.native import library
from tests.runtime.int8.small import quantized, small_net

pytestmark = pytest.mark.skipif(len(library.runnable()) < 2, reason="one instruction set runs here, or none")


class Block(nn.Module):
    """Attention with a softmax, normalizations and activations that are tables."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inside = nn.Linear(24, 48)
        self.encoder = wrappers.TransformerEncoderLayer(48, 4, 96, batch_first=True, activation="gelu", dropout=0.0)
        self.out = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.encoder(self.inside(x)))
        return out


class Image(nn.Module):
    """Convolutions of several kinds, for which sets have ways of their own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 64, 7, 2, 3)
        self.prelu = nn.PReLU(64)
        self.plain = nn.Conv2d(64, 64, 3, padding=1)
        self.silu = nn.SiLU()
        self.depthwise = nn.Conv2d(64, 64, 5, padding=2, groups=64)
        self.grouped = nn.Conv2d(64, 32, 3, padding=2, dilation=2, groups=4)
        self.up = nn.ConvTranspose2d(32, 16, 4, 2, 1)
        self.head = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.silu(self.plain(self.prelu(self.stem(x))))
        out: Tensor = self.head(self.up(self.grouped(self.depthwise(x))))
        return out


def recurrent() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = wrappers.LSTM(20, 64, 2, batch_first=True, bidirectional=True)
            self.gru = wrappers.GRU(128, 33, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.gru(self.lstm(x)[0])[0]
            return out

    x = torch.randn(3, 100, 20).cumsum(1) / 10
    return quantized(Encoder(), x), x


def of(make: Callable[[], nn.Module], *sizes: int) -> tuple[nn.Module, Tensor]:
    x = torch.randn(*sizes, generator=torch.Generator().manual_seed(1))
    return quantized(make(), x), x


MODELS: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "small": small_net,
    "image": lambda: of(Image, 2, 3, 33, 40),
    "attention": lambda: of(Block, 3, 17, 24),
    "recurrent": recurrent,
}


@pytest.fixture(autouse=True)
def _the_set_of_before() -> Iterator[None]:
    before = kernels.selected()
    yield
    kernels.select(before)


@pytest.mark.parametrize("name", MODELS)
def test_every_instruction_set_gives_the_same_bits(name: str) -> None:
    model, x = MODELS[name]()
    program = compile(convert(model), x).program
    assert program is not None
    results = []
    for kernel_set in library.runnable():
        kernels.select(kernel_set)
        results.append(CompiledModel(from_bytes(to_bytes(program)))(x))
    assert all(torch.equal(results[0], other) for other in results[1:])
