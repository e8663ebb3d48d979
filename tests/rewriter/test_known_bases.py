"""Models that derive from another library's class of modules, of which the names are known."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

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


INITIALIZED = """
from {place} import BaseModule


class Block(BaseModule):
    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(self.relu(self.conv(x))) + x)


class Net(BaseModule):
    def __init__(self):
        super().__init__()
        self.block = Block({{"std": 0.1}})
        self.init_weights()

    def forward(self, x):
        return self.block(self.block(x)) * 2
"""


class BaseModule(nn.Module):
    """What matters of the library's: it goes through all modules, marks them, and initializes layers by name."""

    def __init__(self, init_cfg: dict[str, float] | None = None) -> None:
        super().__init__()
        self.init_cfg = init_cfg

    def init_weights(self) -> None:
        for module in self.modules():
            module.known = True  # type: ignore[assignment]
        for module in self.modules():
            if self.init_cfg is not None and type(module).__name__ == "Conv2d":
                nn.init.normal_(module.weight, std=self.init_cfg["std"])  # type: ignore[arg-type]
        for child in self.children():
            if hasattr(child, "init_weights"):
                child.init_weights()  # type: ignore[operator]
        for module in self.modules():
            if "known" in module.__dict__:
                del module.known


@pytest.mark.parametrize("place", ["mmengine.model", "mmengine.model.base_module", "mmcv.runner"])
def test_a_base_that_initializes_weights(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = place.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(parts[end - 1]))
    monkeypatch.setattr(sys.modules[place], "BaseModule", BaseModule, raising=False)
    after = check(INITIALIZED.format(place=place), torch.randn(2, 3, 4, 4))
    assert "self.relu2 = nn.ReLU()" in after and "self.add(" in after


SAVED = """
from {place} import HyperparametersMixin


class Base(nn.Module, HyperparametersMixin):
    def __init__(self, width, scale=2.0):
        super().__init__()
        self.save_hyperparameters()
        self.hparams["cls"] = self.__class__
        self.fc = nn.Linear(width, width)

    def forward(self, x):
        return F.softplus(self.fc(x)) * self.hparams["scale"]


class Net(Base):
    def forward(self, x):
        return torch.cat([super().forward(x), x])


def build():
    return Net(4, scale=3.0)
"""


class HyperparametersMixin:
    """What matters of the library's: it looks for arguments in the frames of the constructors that are running."""

    def save_hyperparameters(self) -> None:
        frame, self.hparams = sys._getframe(1), dict[str, object]()
        while "__class__" in frame.f_locals and frame.f_back is not None:
            named = inspect.signature(frame.f_locals["__class__"].__init__).parameters
            found = {name: frame.f_locals[name] for name in named}
            self.hparams |= found.pop("kwargs", {})  # type: ignore[arg-type, operator]
            self.hparams |= {name: value for name, value in found.items() if name not in ("self", "args")}
            frame = frame.f_back


@pytest.mark.parametrize("place", ["lightning.pytorch.core.mixins", "pytorch_lightning.core.mixins.hparams_mixin"])
def test_a_class_mixed_in_that_saves_what_constructors_are_given(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = place.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(parts[end - 1]))
    monkeypatch.setattr(sys.modules[place], "HyperparametersMixin", HyperparametersMixin, raising=False)
    result = rewritten(HEADER + SAVED.format(place=place))
    assert b"self.concat(super().forward(x), x)" in result.after and not result.refusals
    before, after = (load(text)["build"]() for text in (result.before, result.after))
    assert_equal_models(before, after, torch.randn(2, 4))
    assert {**before.hparams, "cls": None} == {**after.hparams, "cls": None}
    assert list(before.hparams) == list(after.hparams)
