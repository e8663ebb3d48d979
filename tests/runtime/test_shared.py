"""Tied handles: one set of parameters, one state_dict, whatever happens to the model."""

from __future__ import annotations

import copy
import importlib
import io
import multiprocessing.reduction
import pickle

import pytest
import torch
from torch import nn

from runtime.inspect import repeated_calls
from runtime.modules.places import module_of
from runtime.modules.tied import again


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.norm(x) + 1)


class Handled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.norm2 = again(self.norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm2(self.norm(x) + 1)


X = torch.randn(8, 4)


def run(model: nn.Module) -> list[torch.Tensor]:
    model.zero_grad()
    out = model(X)
    out.square().sum().backward()
    return [out, *(p.grad for p in model.parameters()), *model.buffers()]  # type: ignore[misc]


def assert_tied(model: nn.Module) -> None:
    assert isinstance(model.norm2, nn.BatchNorm1d) and module_of(model.norm2) is model.norm
    assert [n for n, _ in model.named_parameters()] == ["norm.weight", "norm.bias"]
    assert "norm2" in dict(model.named_modules())
    assert list(model.state_dict()) == list(Plain().state_dict())


def test_same_outputs_gradients_and_statistics() -> None:
    for mode in (True, False):
        plain, handled = Plain().train(mode), Handled().train(mode)
        assert all(torch.equal(a, b) for a, b in zip(run(plain), run(handled), strict=True))
        assert handled.norm.training is mode


def test_checkpoints_load_both_ways() -> None:
    plain, handled = Plain(), Handled()
    run(plain)
    assert handled.load_state_dict(plain.state_dict(), strict=True).missing_keys == []
    plain.load_state_dict(handled.state_dict(), strict=True)
    incomplete = handled.load_state_dict({}, strict=False)
    assert all(key.startswith("norm.") for key in incomplete.missing_keys)
    nested = nn.Sequential(Handled())
    nested.load_state_dict(nn.Sequential(Plain()).state_dict(), strict=True)


def test_survives_copies_and_moves() -> None:
    model = Handled()
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    for twin in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded, copy.deepcopy(model).double()):
        assert_tied(twin)
    assert Handled().double().norm.weight.dtype == torch.float64


def test_a_module_without_state_is_another_to_those_who_go_through_modules() -> None:
    model = nn.Module()
    model.act = nn.LeakyReLU(0.3)
    model.act2 = again(model.act)
    assert [name for name, _ in model.named_children()] == ["act", "act2"]
    assert isinstance(model.act2, nn.LeakyReLU) and model.act2.negative_slope == 0.3


def test_initialized_once() -> None:
    drawn = []

    def initialize(module: nn.Module) -> None:
        if isinstance(module, nn.BatchNorm1d):
            drawn.append(nn.init.uniform_(module.weight))

    Handled().apply(initialize)
    assert len(drawn) == 1


def test_what_is_no_module_is_given_back_and_a_function_called_by_one() -> None:
    assert again(None) is None and again(nn.ReLU) is nn.ReLU
    relu, x = again(torch.relu), torch.randn(3)
    assert isinstance(relu, nn.Module) and torch.equal(relu(x), torch.relu(x))


class Encoding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("table", torch.randn(4))
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Sequential(nn.Dropout(0.5), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.norm(x) * self.scale + self.table)


class Twice(nn.Module):
    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.encode = Encoding()
        self.encode2 = again(self.encode, parts=True) if apart else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.encode2 or self.encode)(self.encode(x))


def test_taken_apart() -> None:
    plain, apart = Twice(False), Twice(True)
    assert list(plain.state_dict()) == list(apart.state_dict()) == list(copy.deepcopy(apart).state_dict())
    apart.load_state_dict(plain.state_dict(), strict=True)
    for prepare in (lambda m: m, copy.deepcopy, lambda m: copy.deepcopy(m).double().float()):
        for mode in (True, False):
            results = []
            for model in (prepare(plain).train(mode), prepare(apart).train(mode)):
                torch.manual_seed(0)
                results.append(run(model))
                assert all(m.training is mode for m in model.modules())
            assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert set(repeated_calls(plain, X)) >= {"encode.norm", "encode.drop.1"}
    assert repeated_calls(apart, X) == {}
    moved = copy.deepcopy(apart).double()
    assert moved.encode2.table is moved.encode.table and moved.encode.table.dtype == torch.float64


def test_compiles() -> None:
    model = Handled().eval()
    assert torch.equal(torch.compile(model, backend="eager", fullgraph=True)(X), model(X))


def replicated(model: nn.Module, count: int, monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """What DataParallel makes of a model, by its own code: only the copying to GPUs is done on the CPU instead."""

    def broadcast(tensors: list[torch.Tensor], devices: list[int], detach: bool = False) -> list[list[torch.Tensor]]:
        return [[t.detach().clone() if detach else t.clone() for t in tensors] for _ in devices]

    module = importlib.import_module("torch.nn.parallel.replicate")
    monkeypatch.setattr(module, "_broadcast_coalesced_reshape", broadcast)
    monkeypatch.setattr(module, "_get_device_index", lambda device, optional: device)
    return module.replicate(model, range(count))


@pytest.mark.parametrize("apart", [False, True])
def test_data_parallel(apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every replica has its own handles, on its own parameters, and the gradients meet in the model's."""
    plain, handled = Twice(False), Twice(True)
    if not apart:
        handled.encode2 = again(handled.encode)
    handled.load_state_dict(plain.state_dict())
    results = []
    for model in (plain, handled):
        torch.manual_seed(0)
        outputs = [replica(x) for replica, x in zip(replicated(model, 2, monkeypatch), X.chunk(2), strict=True)]
        torch.cat(outputs).square().sum().backward()
        results.append([*outputs, *(p.grad for p in model.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    replica, other = replicated(handled, 2, monkeypatch)
    first, second = replica.encode, replica.encode2
    assert second.scale is first.scale
    assert first.scale is not handled.encode.scale and first.scale is not other.encode.scale


@pytest.mark.parametrize("apart", [False, True])
def test_shared_memory(apart: bool) -> None:
    """Handles are tied in another process as well."""
    model = Twice(apart)
    model.encode2 = model.encode2 or again(model.encode)
    model.share_memory()
    assert all(t.is_shared() for t in (*model.parameters(), *model.buffers()))
    there = pickle.loads(multiprocessing.reduction.ForkingPickler.dumps(model))
    with torch.no_grad():
        there.encode.scale.fill_(3)
    assert there.encode2.scale is there.encode.scale
    assert torch.equal(model.encode2.scale, torch.full((4,), 3.0))
