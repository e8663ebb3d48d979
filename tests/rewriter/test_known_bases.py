"""Models that derive from another library's class of modules, of which the names are known."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from tests.rewriter.executed import HEADER, check, rewritten

NET = """
import {module} as pl


class Net({base}):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return F.relu(self.conv(x)) + torch.log(x.abs() + 1)

    def training_step(self, batch, number):
        x, y = batch
        loss = F.mse_loss(self(x), y)
        self.log("loss", loss)
        return loss


class Deeper(Net):
    def forward(self, x):
        return super().forward(x) * 2
"""


class LightningModule(nn.Module):
    """What matters of the library's: methods that a new attribute must not hide."""

    def log(self, name: str, value: object) -> None:
        raise AssertionError(f"{name}: forward does not log")


@pytest.fixture(autouse=True, params=["lightning.pytorch", "pytorch_lightning"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("lightning", request.param):
        module = types.ModuleType(name)
        module.LightningModule = LightningModule  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    if request.param.startswith("lightning."):
        monkeypatch.setattr(sys.modules["lightning"], "pytorch", sys.modules[request.param], raising=False)
    yield request.param


def test_it_is_prepared_as_any_module(library: str) -> None:
    after = check(NET.format(module=library, base="pl.LightningModule"), torch.randn(2, 3, 4, 4))
    assert "self.log2 = runtime.modules.Log()" in after or "self.log_2 = runtime.modules.Log()" in after
    assert 'self.log("loss", loss)' in after


def test_other_classes_of_the_library_are_out_of_sight(library: str) -> None:
    source = NET.format(module=library, base="pl.Trainer").replace("log(x", "exp(x")
    assert not rewritten(HEADER + source).changed
