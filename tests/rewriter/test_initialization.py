"""Which `__init__` runs when, and what that leaves room for: modules are there before anything calls them."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, check, rewritten

X = torch.randn(2, 4)

BASE = """
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x) + x


"""

READY = {
    "a subclass that runs it by name": BASE + """class Net(Base):
    def __init__(self):
        Base.__init__(self)
        self.depth = 1
""",
    "through a class between": BASE + """class Middle(Base):
    pass


class Net(Middle):
    def __init__(self):
        super(Net, self).__init__()
""",
    "on every branch": BASE + """class Net(Base):
    def __init__(self, deep=False):
        if deep:
            super().__init__()
        else:
            Base.__init__(self)
""",
    "a dataclass": """
from dataclasses import dataclass


@dataclass(eq=False)
class Net(nn.Module):
    width: int = 4

    def __post_init__(self):
        super().__init__()
        self.linear = nn.Linear(self.width, self.width)

    def forward(self, x):
        return self.linear(x) * self.width
""",
    "a dataclass below another": """
import dataclasses


@dataclasses.dataclass(eq=False)
class Base(nn.Module):
    width: int = 4

    def __post_init__(self):
        super().__init__()
        self.linear = nn.Linear(self.width, self.width)

    def forward(self, x):
        return self.linear(x) * self.width


@dataclasses.dataclass(eq=False)
class Net(Base):
    def __post_init__(self):
        super().__post_init__()
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(super().forward(x) + 1)
""",
    "an early return": """
class Net(nn.Module):
    def __init__(self, short=True):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if short:
            return
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.linear(x) + x
""",
}  # fmt: skip


@pytest.mark.parametrize("name", READY)
def test_rewritten(name: str) -> None:
    check(READY[name], X)


SKIPPED = {
    "nn.Module's own": "nn.Module.__init__(self)",
    "the one behind it": "super(Base, self).__init__()",
    "on one branch alone": "Base.__init__(self) if X else nn.Module.__init__(self)",
}


@pytest.mark.parametrize("name", SKIPPED)
def test_a_base_whose_init_a_subclass_skips_is_refused(name: str) -> None:
    source = f"{BASE}class Net(Base):\n    def __init__(self):\n        {SKIPPED[name]}\n"
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}
    assert "Net does not run this __init__" in result.refusals[0].message


def test_a_dataclass_without_code_of_its_own_is_refused() -> None:
    source = (
        f"{HEADER}from dataclasses import dataclass\n\n@dataclass\nclass Net(nn.Module):\n    width: int = 4\n\n"
        "    def forward(self, x):\n        return x * self.width\n"
    )
    result = rewritten(source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}


CACHE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.length = 2{first}
        self.linear = nn.Linear(4, 4)

    def extend(self, length):
        positions = torch.arange(length) * self.length{inside}
        self.register_buffer("table", torch.outer(positions, torch.ones(4)), persistent=False)

    def forward(self, x):
        self.extend(x.shape[0])
        return self.linear(x) + self.table
"""


def test_modules_that_init_itself_calls_are_made_before() -> None:
    after = check(CACHE.format(first="\n        self.extend(self.length)", inside=""), X)
    assert after.index("self.mul = runtime") < after.index("self.extend(") < after.index("self.add = runtime")


def test_a_module_that_cannot_be_made_again_so_early_is_refused() -> None:
    inside = "\n        positions = self.act(self.act(positions))"
    source = CACHE.format(first="\n        self.act = nn.ReLU()\n        self.extend(2)", inside=inside)
    assert "self.act2(" not in check(source, X)
    assert "RW904" in {r.code for r in rewritten(HEADER + source).refusals}


def test_a_method_that_the_init_above_runs_is_refused() -> None:
    source = (
        CACHE.format(first="\n        self.extend(self.length)", inside="")
        + "\n\nclass Sub(Net):\n    def extend(self, length):\n        super().extend(length)\n"
        "        self.table = self.table + 1\n"
    )
    after = check(source, X, name="Sub")
    assert "self.table = self.table + 1" in after
    refused = [r for r in rewritten(HEADER + source).refusals if r.code == "RW904"]
    assert "an __init__ above it runs extend" in refused[0].message
