"""A function whose parameters code may count takes no more of them; a name that means something else says nothing."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, check, rewritten

COUNTING = """
import inspect


class Kind:
    halved = 1


def count(function):
    return len(inspect.signature(function).parameters)


def halved(x):
    return x / 2


{more}


class Net(nn.Module):
    def forward(self, x):
        return halved(x)
"""
MAY_BE_ASKED = (
    "N = count(halved)",
    "ALL = [halved]",
    "class Box:\n    function = halved\n    def ask(self):\n        return count(self.function)",
    "def get():\n    return halved",
    "def use(f=halved):\n    return count(f)",
    "f = halved\nN = count(f)",
    "def use(f):\n    return count(f)\n\n\nN = use(halved)",
    "def get():\n    return [halved]\n\n\nN = [count(f) for f in get()]",
    "class Asks:\n    def __init__(self, f):\n        self.n = count(f)\n\n\nclass Below(Asks):\n    pass\n\n\nN = Below(halved)",
    "def use(**given):\n    return count(**given)\n\n\nN = use(function=halved)",
    "ask = count\nN = ask(halved)",
    "def asks():\n    def inner(f):\n        return count(f)\n    return inner\n\n\nN = asks()(halved)",
    "def use(*given):\n    return count(*given)\n\n\nN = use(halved)",
)
IS_NOT_ASKED = (
    "def other(halved):\n    return count(halved)",
    "KINDS = [Kind.halved]",
    "def use(x):\n    return halved(x) + halved(x)",
    "def ask(self):\n    return [self.halved]",
    "def use(f):\n    return count(f)\n\n\nALL = [halved]\nN = use(len)",
    "TABLE = dict(a=halved)\nN = count(sum)",
    "ALL = [halved]\nN = count(getattr(Kind, 'other', len))",
)


@pytest.mark.parametrize("more", MAY_BE_ASKED)
def test_it_takes_no_modules_where_it_may_be_asked(more: str) -> None:
    found = rewritten(HEADER + COUNTING.format(more=more)).refusals
    assert any("counts or goes through the parameters" in refusal.message for refusal in found)


@pytest.mark.parametrize("more", IS_NOT_ASKED)
def test_it_takes_them_where_another_is(more: str) -> None:
    assert "ops=runtime.modules.shared[HalvedOps]" in check(COUNTING.format(more=more), torch.ones(2))
