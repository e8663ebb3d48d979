"""A module that a variable or an argument stands for is counted like any other: what is called again is said."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, check, rewritten

X = torch.randn(2, 8)
NET = """
from torch.utils.checkpoint import checkpoint


def twice(f, x):
    return f(f(x))


def once(f, x):
    return f(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()
        self.other = nn.Tanh()

    def forward(self, x):
{}
"""
AGAIN = {
    "f = self.act\nreturn f(f(x))": "f",
    "return (a := self.act)(a(x))": "(a := self.act)",
    "return twice(self.act, x)": "f",
    "y = self.act(x)\nreturn once(self.act, y)": "f",
    "f = self.act\nfor _ in range(2):\n    x = f(x)\nreturn x": "f",
    "y = self.act(x)\nreturn checkpoint(self.act, y, use_reentrant=False)": "checkpoint",
}
ONCE = (
    "f = self.act\nreturn f(x)",
    "f = self.act if x.dim() > 1 else self.other\nreturn f(x)",
    "for f in (self.act, self.other):\n    x = f(x)\nreturn x",
    "return once(self.act, once(self.other, x))",
)


def _net(body: str) -> str:
    return NET.format("\n".join(f"        {line}" for line in body.split("\n")))


@pytest.mark.parametrize("body", AGAIN)
def test_it_is_said_where_it_is_called_again(body: str) -> None:
    found = rewritten(HEADER + _net(body)).refusals
    why = "is called in a loop" if "for _ in" in body else "calls `self.act` again"
    assert [r for r in found if why in r.message]
    assert all(r.code == "RW902" and f"`{AGAIN[body]}()`" in r.message for r in found)


@pytest.mark.parametrize("body", ONCE)
def test_nothing_is_said_of_one_call(body: str) -> None:
    assert not rewritten(HEADER + _net(body)).refusals


@pytest.mark.parametrize(
    "body",
    [
        "f = self.act\ny = f(x)\nreturn self.act(y + 1)",
        "y = once(self.act, x)\nreturn self.act(y + 1)",
        "y = checkpoint(self.act, x, use_reentrant=False)\nreturn self.act(y + 1)",
    ],
)
def test_a_call_by_its_own_name_behind_it_gets_another_instance(body: str) -> None:
    after = check(_net(body), X)
    assert "self.act2(" in after
    assert not rewritten(HEADER + after).changed


OTHERS = """
class Base(nn.Module):
    def forward(self, x):
        return F.relu(x) * 2


class Twice(Base):
    def forward(self, x):
        return super().forward(super().forward(x))


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.act, self.spare = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        return self.act(x)


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()
        self.steps = nn.Sequential(nn.ReLU(), nn.Tanh())

    def forward(self, x):
        return self.part.{}(self.steps(self.part(x)))


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()

    def deeper(self, x, depth):
        return x if depth == 0 else self.deeper(self.act(x), depth - 1)

    def forward(self, x):
        return self.deeper(x, 3)
"""


def test_what_runs_again_by_super_by_a_part_and_in_a_recursion_is_said() -> None:
    said = [r.message for r in rewritten(HEADER + OTHERS.format("act")).refusals]
    assert any("`super().forward()` runs more than once" in message for message in said)
    assert any("`self.part.act()` is called again, and `self.part()` has run it" in message for message in said)
    assert any("`self.act` is called more than once" in message for message in said)
    assert not any("self.part" in r.message for r in rewritten(HEADER + OTHERS.format("spare")).refusals)


def test_a_part_of_a_sequential_behind_the_whole_is_said() -> None:
    source = OTHERS.replace("self.part.{}(self.steps(self.part(x)))", "self.steps[0](self.steps(x))")
    said = [r.message for r in rewritten(HEADER + source).refusals]
    assert any("`self.steps[0]()` is called again, and `self.steps()` has run it" in message for message in said)


def test_operators_that_are_handed_to_reduce_are_said() -> None:
    source = "import functools, operator\n\n\nclass Net(nn.Module):\n    def forward(self, x, y):\n        "
    source += "return functools.reduce(operator.add, [x, y, x])\n"
    assert [r.code for r in rewritten(HEADER + source).refusals] == ["RW911"]


GUARDED = """
try:
    from torch.nn.functional import {name} as made
except ImportError:
    made = None
{more}

class Net(nn.Module):
    def forward(self, x):
        if made is not None:
            x = made(x) + 1
        else:
            x = F.relu(x) * 2
        return x
"""


@pytest.mark.parametrize(("name", "called"), [("softplus", "self.call(made, x)"), ("nowhere", "made(x)")])
def test_what_is_imported_or_none_is_called_where_it_is_there(name: str, called: str) -> None:
    after = check(GUARDED.format(name=name, more=""), torch.randn(2, 3))
    assert called in after and "self.mul(self.relu(x), 2)" in after


def test_what_is_bound_to_anything_else_as_well_is_not_known() -> None:
    result = rewritten(HEADER + GUARDED.format(name="softplus", more="\nif len(__name__) > 40:\n    made = len\n"))
    assert b"x = made(x) + 1" in result.after and len(result.refusals) == 1
