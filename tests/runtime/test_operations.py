"""The wrapper modules as they stand: no state, any operand, clear errors, and at home in torch's tools."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import runtime.modules as m
from runtime.inspect import repeated_calls
from runtime.modules.base import Operation

X, Y = torch.randn(2, 3), torch.randn(2, 3)


@pytest.mark.parametrize(
    "name", [n for n in m.__all__ if isinstance(getattr(m, n), type) and issubclass(getattr(m, n), Operation)]
)
def test_no_state_and_survives_copies(name: str) -> None:
    module = getattr(m, name)()
    assert not module.state_dict() and not list(module.parameters())
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(twin) is type(module) and twin.fixed == module.fixed
    assert getattr(m, name).__doc__


def test_operators_take_whatever_python_takes() -> None:
    assert m.EltWiseAdd()(2, 3) == 5
    assert m.EltWiseAdd()([1], [2]) == [1, 2]
    assert torch.equal(m.EltWiseSub()(1, X), 1 - X)
    assert torch.equal(m.EltWiseAdd()(X, Y, X), X + Y + X)
    assert torch.equal(m.EltWiseAdd(alpha=2)(X, Y), torch.add(X, Y, alpha=2))
    assert torch.equal(m.EltWiseDiv()(X, Y, rounding_mode="floor"), torch.div(X, Y, rounding_mode="floor"))


def test_in_place_is_seen_by_all_who_hold_the_tensor() -> None:
    x, alias = X.clone(), None
    alias = x
    assert m.EltWiseMult(inplace=True)(x, Y) is x and torch.equal(alias, X * Y)
    items = [1]
    assert m.EltWiseAdd(inplace=True)(items, [2]) is items and items == [1, 2]


def test_joining() -> None:
    expected = torch.cat([X, Y], 1)
    assert torch.equal(m.Concat(dim=1)(X, Y), expected)
    assert torch.equal(m.Concat(1)([X, Y]), expected)
    assert torch.equal(m.Concat()(X, Y, dim=1), expected)
    assert torch.equal(m.Concat(1)(*[X]), X)
    assert m.Stack()(X, Y).shape == (2, 2, 3)
    assert [t.shape for t in m.Split(2, dim=1)(X)] == [(2, 2), (2, 1)]
    assert len(m.Chunk(3, dim=1)(X)) == 3
    with pytest.raises(ValueError, match="non-empty"):
        m.Concat()([])


def test_wrong_arguments_are_told_what_is_accepted() -> None:
    with pytest.raises(TypeError, match=r"Concat takes \(dim\), not 'axis'"):
        m.Concat(axis=1)
    with pytest.raises(TypeError, match=r"Concat takes \(dim\), but 2 arguments were given"):
        m.Concat(1, 2)
    with pytest.raises(TypeError, match="was given 'dim' twice"):
        m.Concat(1, dim=1)
    with pytest.raises(TypeError, match="two operands or more, got 1"):
        m.EltWiseAdd()(X)


def test_what_is_fixed_is_shown() -> None:
    assert repr(m.Concat(dim=1)) == "Concat(dim=1)"
    assert repr(m.EltWiseAdd(inplace=True)) == "EltWiseAdd(inplace=True)"
    assert repr(m.EltWiseAdd()) == "EltWiseAdd()"


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add, self.concat = m.EltWiseAdd(inplace=True), m.Concat(dim=1)
        self.mean, self.clamp = m.Mean(dim=1, keepdim=True), m.Clamp(0, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.add(x * 1, x)
        return self.mean(self.concat(y, self.clamp(x)))


def test_compiled_and_exported() -> None:
    block = Block()
    expected = block(X)
    assert torch.equal(torch.compile(block, fullgraph=True, backend="eager")(X), expected)
    assert torch.equal(torch.export.export(block, (X,)).module()(X), expected)


def test_repeated_calls() -> None:
    model = nn.Sequential(relu := nn.ReLU(), nn.Linear(3, 3), relu)
    assert repeated_calls(model, X) == {"0": 2}
    assert repeated_calls(Block(), X) == {}
    with pytest.raises(RuntimeError):
        repeated_calls(model, torch.randn(2, 5))
    assert not relu._forward_pre_hooks


def test_a_handle_is_a_place_of_its_own() -> None:
    linear, block = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    handle = m.again(linear)
    assert repeated_calls(nn.Sequential(linear, handle), X) == {}
    assert repeated_calls(nn.Sequential(linear, handle, handle, linear), X) == {"0": 2, "1": 2}
    assert repeated_calls(nn.Sequential(block, m.again(block)), X) == {}
    assert repeated_calls(nn.Sequential(block, m.again(block, parts=True)), X) == {}


def test_import_without_torch_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; import runtime"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=Path(__file__).parents[2])
    assert b'pip install "torch-rewriter[torch]"' in done.stderr


def test_pickles_of_earlier_versions_load() -> None:
    """They name a file for each kind of operation, and say `inplace` of an object."""
    now = pickle.dumps(m.EltWiseAdd(inplace=True), protocol=0)
    before = now.replace(b"cruntime.modules\n", b"cruntime.modules.eltwise\n").replace(b"Vin_place\n", b"Vinplace\n")
    assert now.count(b"Vin_place\n") == 1 and len(before) == len(now) + len(b".eltwise") - 1
    x = torch.ones(2)
    assert pickle.loads(before)(x, x) is x and x.tolist() == [2, 2]
