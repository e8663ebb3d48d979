"""Codes stay codes through a model's own modules that only move values, through rolls and through rows of handles."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import int8
from runtime.quantization.carriers import find_carriers
from runtime.quantization.front_door import quantize


class Windows(nn.Module):
    """Another order, so a copy."""

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        return x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, 2, 2)


class Scaled(Windows):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 1.0


class Cleared(Windows):
    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        x[:, 0] = 0
        return x


class Narrowed(Windows):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(torch.float16).to(x.dtype)


class Replaced(Windows):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("own", torch.randn(18, 4, 2, 2))

    def forward(self, x: Tensor) -> Tensor:
        own: Tensor = self.own.reshape(18, 4, 4).reshape(18, 4, 2, 2)  # type: ignore[operator]
        return own


class Between(nn.Module):
    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.first, self.between, self.second = nn.Conv2d(3, 4, 1), between, nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.between(self.first(x)).roll((1, 1), (2, 3)))
        return out


X = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def test_own_modules_that_move_take_and_give_codes() -> None:
    model = quantize(Between(Windows()), [(X,)], allow_unprepared=True, verbose=False)
    converted = int8.convert(model)
    assert not int8.report(converted).in_float
    assert not [line for line in int8.report(converted).lines if line.reason]
    compiled = int8.compile(converted, X)
    assert compiled.program is not None
    assert [op.name.split(".")[1] for op in compiled.program.ops].count("quantize") == 1
    with torch.no_grad():
        assert torch.equal(converted(X), model(X)) and torch.equal(compiled(X), model(X))


@pytest.mark.parametrize("kind", [Scaled, Cleared, Narrowed, Replaced])
def test_others_do_not(kind: type[nn.Module]) -> None:
    assert "between" not in find_carriers(Between(kind()), X)


class Again(nn.Module):
    """One of the two ways is taken; rows of modules are called on both."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(6, 8), nn.Sequential(nn.LayerNorm(8)), nn.Linear(8, 4)
        self.norm2 = wrappers.again(self.norm)
        self.early = False

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.early:
            x = self.norm(x)
        if not self.early:
            x = self.norm2(x)
        out: Tensor = self.second(x)
        return out


def test_a_row_of_modules_that_is_called_again_is_seen_as_what_it_runs() -> None:
    x = X[:, 0]
    model = quantize(Again(), [(x,)], verbose=False)
    assert set(model.state_dict()) >= {"norm2.0.output_scale"}
    converted = int8.convert(model)
    assert {line.name: line.runs for line in int8.report(converted).lines}["norm2.0"] == "int8"
    with torch.no_grad():
        assert (converted(x) - model(x)).abs().max() < 0.05
