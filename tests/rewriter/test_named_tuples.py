"""Tuples whose members have names: what a class of them was given, its members are."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, check, rewritten

PAIR = """
from typing import Any, NamedTuple


class Pair(NamedTuple):
    first: Any
    second: Any
    scale: Any = 2

    def twice(self, x):
        return Pair(x, x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        pair = Pair(self.fc(x), second=x)
        {}
"""


@pytest.mark.parametrize(
    ("code", "new"),
    [
        ("return pair.first + pair.second", "return self.add(pair.first, pair.second)"),
        ("return pair[0] + 1", "return self.add(pair[0], 1)"),
        ("a, b, _ = pair; return a + b", "a, b, _ = pair; return self.add(a, b)"),
    ],
)
def test_members_are_what_was_given(code: str, new: str) -> None:
    assert new in check(PAIR.format(code), torch.randn(2, 4))


def test_of_either_tuple_either_member() -> None:
    source = PAIR.format("pair = pair if x.dim() > 1 else Pair(x, x)\n        return pair.first + 1")
    assert "self.add(pair.first, 1)" in check(source, torch.randn(2, 4))


def test_a_default_is_not_known() -> None:
    result = rewritten(HEADER + PAIR.format("return pair.scale * pair.scale"))
    assert [refusal.code for refusal in result.refusals] == ["RW901"]


def test_a_method_is_run() -> None:
    source = PAIR.format("return pair.twice(x)[1] + 1")
    assert "self.add(pair.twice(x)[1], 1)" in check(source, torch.randn(2, 4))


@pytest.mark.parametrize(
    "made",
    [
        'collections.namedtuple("Pair", "left right")',
        'collections.namedtuple("Pair", ["left", "right"])',
        'NamedTuple("Pair", [("left", Tensor), ("right", Tensor)])',
    ],
)
def test_classes_that_a_call_makes(made: str) -> None:
    source = f"""
import collections
from typing import NamedTuple

Pair = {made}


class Net(nn.Module):
    def forward(self, x):
        pair = Pair(x + 1, right=x * 2)
        left, right = pair
        return pair.left * left + pair[1] * right
"""
    after = check(source, torch.randn(2, 3))
    assert " + " not in after and " * " not in after


def test_what_a_property_computes_is_said_and_used_as_what_it_is() -> None:
    with_property = PAIR.replace(
        "    def twice", "    @property\n    def joined(self):\n        return torch.cat(self[:2])\n\n    def twice"
    )
    result = rewritten(HEADER + with_property.format("return pair.joined + 1"))
    assert "return self.add(pair.joined, 1)" in result.after.decode()
    assert [(refusal.code, "joined" in refusal.message) for refusal in result.refusals] == [("RW903", True)]
