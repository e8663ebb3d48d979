"""Large batches run as small ones, where no part of them has to do with another, and give the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8 import compile, compiled, convert
from runtime.int8.slices import cut, joined, separable
from runtime.kernels.native import library
from tests.bench.int8_networks import EncoderLayer
from tests.runtime.int8.small import quantized, small_net

pytestmark = pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")


@pytest.fixture
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "BUDGET", 1)


class Tokens(nn.Module):
    """A token that is the same for all in front, attention, and a part of the result."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        self.concat, self.layer, self.add = wrappers.Concat(1), EncoderLayer(8, 2), wrappers.EltWiseAdd()
        self.place = nn.Parameter(torch.randn(1, 6, 8))

    def forward(self, x: Tensor) -> tuple[Tensor, None, dict[str, Tensor]]:
        x = self.concat([self.first.expand(x.shape[0], -1, -1), x])
        x = self.layer(self.add(x, self.place))
        return x[:, 0], None, {"rest": x[:, 1:].permute(0, 2, 1)}


def equal(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.usefixtures("small_cache")
@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("make", [small_net, lambda: (quantized(Tokens(), x := torch.randn(2, 5, 8)), x)])
def test_one_after_another_gives_the_same(batch: int, make: Callable[[], tuple[nn.Module, Tensor]]) -> None:
    model, example = make()
    converted = convert(model)
    program = compile(converted, example)
    assert program.reason == "" and program.program is not None and separable(program.program)
    x = torch.randn(batch, *example.shape[1:])
    assert len(program._parts([x])) == batch
    with torch.no_grad():
        equal(program(x), converted(x))


@pytest.mark.usefixtures("small_cache")
def test_a_large_batch_takes_the_memory_of_a_small_one() -> None:
    model, example = small_net()
    program = compile(convert(model), example)
    assert program.memory(torch.randn(50, 3, 17, 17)) == program.memory(torch.randn(1, 3, 17, 17))


@pytest.mark.usefixtures("small_cache")
def test_a_profile_has_each_step_once() -> None:
    model, example = small_net()
    program = compile(convert(model), example)
    one, many = program.profile(example[:1]), program.profile(example)
    assert [(t.layer, t.op) for t in many] == [(t.layer, t.op) for t in one]


class Step(nn.Module):
    """Something between two layers that are int8."""

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.before, self.after, self.step = nn.Linear(6, 6), nn.Linear(6, 6), step

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(self.step(self.before(x)))
        return y


MEETING: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x - x.mean(0, keepdim=True),
    "softmax": lambda x: x.softmax(0),
    "flip": lambda x: x.flip(0),
    "last": lambda x: x + x[-1:],
    "all but one": lambda x: x[1:],
    "in front of others": lambda x: torch.cat([x, x], 0),
    "folded": lambda x: x.reshape(-1, 6),
    "transposed": lambda x: x.permute(1, 0, 2),
    "product": lambda x: (x.flatten(1) @ x.flatten(1).t()).unsqueeze(2).expand(-1, -1, 6),
    "how many": lambda x: x * x.shape[0],
    "shifted": lambda x: x.transpose(0, 1).reshape(x.shape),
    "sorted": lambda x: x.sort(0).values,
    "those above": lambda x: x * (x > 0).nonzero().shape[0],
}


APART: dict[str, Callable[[Tensor], Tensor]] = {
    "moved": lambda x: x.permute(0, 2, 1).reshape(x.shape[0], 3, 6),
    "halves": lambda x: torch.cat(x.chunk(2, 2)[::-1], 2),
    "rounded": lambda x: (x + 1) * x / 3,
    "with others": lambda x: x + x[:, :1],
}


@pytest.mark.usefixtures("small_cache")
@pytest.mark.parametrize(
    ("step", "apart"),
    [*((step, False) for step in MEETING.values()), *((step, True) for step in APART.values())],
    ids=[*MEETING, *APART],
)
def test_parts_run_apart_where_they_do_not_meet(step: Callable[[Tensor], Tensor], apart: bool) -> None:
    x = torch.randn(4, 3, 6)
    converted = convert(quantized(Step(step), x))
    program = compile(converted, x)
    assert program.program is not None and separable(program.program) is apart
    with torch.no_grad():
        equal(program(x), converted(x))


def test_parts_are_of_about_one_size() -> None:
    assert [part.stop - part.start for part in cut(17, 4)] == [3, 3, 4, 3, 4]
    assert cut(3, 0) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_parts_are_joined_in_the_layout_that_they_have() -> None:
    x = torch.randn(5, 4, 3, 2).to(memory_format=torch.channels_last)
    whole = joined([x[:2], x[2:]])
    assert whole is not None and torch.equal(whole, x) and whole.stride() == x.stride()
