"""Models that carry something from call to call: what they hold is theirs, and no program forgets it in silence."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import runtime
import runtime.modules as wrappers
from runtime.int8 import compile, convert


class Stream(nn.Module):
    """Adds what it has returned last, which it keeps in one of several ways."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind = kind
        self.inner = nn.Linear(4, 4)
        self.add = wrappers.EltWiseAdd()
        self.outer = nn.Linear(4, 4)
        if kind.startswith("buffer"):
            self.register_buffer("last", torch.zeros(2, 4))
        else:
            self.last: Any = {"list": [torch.zeros(2, 4)], "dict": {"y": torch.zeros(2, 4)}}.get(
                kind, torch.zeros(2, 4)
            )
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        last = {"list": lambda: self.last[0], "dict": lambda: self.last["y"]}.get(self.kind, lambda: self.last)()
        y: Tensor = self.outer(self.add(self.inner(x), last))
        self.calls += 1
        if self.kind.endswith("in place"):
            self.last.copy_(y)
        elif self.kind == "list":
            self.last[0] = y
        elif self.kind == "dict":
            self.last["y"] = y
        elif self.kind != "nothing":
            self.last = y
        return y


KINDS = ("attribute", "attribute in place", "buffer", "buffer in place", "list", "dict")


def batches() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(2, 4) for _ in range(8)]


def values(model: nn.Module) -> list[list[float]]:
    return [leaf.tolist() for leaf in tree_leaves(model.last)]


def run(model: nn.Module) -> Tensor:
    with torch.no_grad():
        return torch.stack([model(x) for x in batches()])


@pytest.mark.parametrize("kind", KINDS)
def test_quantizing_and_converting_leave_the_state_that_was(kind: str) -> None:
    model = Stream(kind).eval()
    with torch.set_grad_enabled("in place" not in kind):  # with a history, which torch does not copy
        model(torch.ones(2, 4))
    before, calls = str(model.last), model.calls
    quantized = runtime.quantize(model, batches(), verbose=False)
    converted = convert(quantized)
    for each in (model, quantized, converted):
        assert values(each) == values(model) and each.calls == calls
    assert str(model.last) == before
    exact, given = run(model), run(converted)
    assert 10 * torch.log10(exact.square().sum() / (exact - given).square().sum()) > 25


@pytest.mark.parametrize("kind", KINDS)
def test_model_that_depends_on_calls_before_is_no_program(kind: str) -> None:
    converted = convert(runtime.quantize(Stream(kind).eval(), batches(), verbose=False))
    expected = run(copy.deepcopy(converted))
    with pytest.warns(UserWarning, match="depends on the calls before.* take the state as an argument and return it"):
        compiled = compile(converted, batches()[0])
    assert compiled.program is None
    assert torch.equal(run(compiled), expected)


def test_model_that_only_counts_its_calls_is_a_program() -> None:
    converted = convert(runtime.quantize(Stream("nothing").eval(), batches(), verbose=False))
    calls = converted.calls
    compiled = compile(converted, batches()[0])
    assert compiled.program is not None and converted.calls == calls
    assert torch.equal(run(compiled), run(converted))
