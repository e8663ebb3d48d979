"""What torch.fx makes of a model with these modules computes what the model does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import runtime.modules


class ScaledOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.mul = runtime.modules.ModuleList([runtime.modules.EltWiseMult()])
        self.negated = runtime.modules.Function(negated)
        self.call = runtime.modules.Call(negated)


class NegatedOps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neg = runtime.modules.Neg()


def negated(x: Any, *, ops: Any = runtime.modules.shared[NegatedOps]) -> Any:
    return ops.neg(x)


def scaled(x: Any, *, ops: Any = runtime.modules.shared[ScaledOps]) -> Any:
    for i in range(3):
        x = ops.mul[i](x, 0.5)
    return ops.relu(ops.negated(x)) + ops.call(negated, x)


class BringsNoModules(nn.Module):
    def forward(self, x: Any) -> Any:
        return scaled(x)


class GrowsInALoop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = runtime.modules.ModuleList([runtime.modules.EltWiseAdd()])

    def forward(self, x: Any) -> Any:
        for i, y in enumerate([x, x * 2, x * 3]):
            x = self.add[i](x, y)
        return x


class WorksInPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mul = runtime.modules.EltWiseMult(inplace=True)
        self.clamp = runtime.modules.Clamp(-1, 1, inplace=True)
        self.neg = runtime.modules.Neg(inplace=True)

    def forward(self, x: Any) -> Any:
        x = x * 2
        y = x[:2]
        self.mul(y, 3)
        self.clamp(y)
        self.neg(y)
        return x


class AddsToASize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add = runtime.modules.EltWiseAdd(inplace=True)

    def forward(self, x: Any) -> Any:
        return self.add(x.shape[0], x)


class CalledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.fc2 = runtime.modules.again(self.fc)
        self.relu = nn.ReLU()
        self.relu2 = runtime.modules.again(self.relu)

    def forward(self, x: Any) -> Any:
        return self.relu2(self.fc2(self.relu(self.fc(x))))


@pytest.mark.parametrize("kind", [BringsNoModules, GrowsInALoop, WorksInPlace, AddsToASize, CalledTwice])
def test_a_graph_computes_what_the_model_does(kind: type[nn.Module]) -> None:
    model, x = kind().eval(), torch.randn(3, 4)
    graph = torch.fx.symbolic_trace(model)
    assert torch.equal(graph(x.clone()), model(x.clone()))


def test_a_list_makes_no_module_while_a_graph_is_made() -> None:
    model = GrowsInALoop()
    torch.fx.symbolic_trace(model)
    assert len(model.add) == 1
    model(torch.ones(2))
    assert len(model.add) == 3


class InTwoPlaces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([CalledTwice()] * 2)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


@pytest.mark.parametrize("strict", [False, True])
def test_a_block_with_handles_that_stands_in_two_places_is_exported(strict: bool) -> None:
    model, x = InTwoPlaces().eval(), torch.randn(3, 4)
    program = torch.export.export(model, (x,), strict=strict)
    assert torch.equal(program.module()(x), model(x))
