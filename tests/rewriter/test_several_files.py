"""Programs of several files, of which a run may see one: before and after, a user sees the same."""

from __future__ import annotations

import pytest

from tests.bench.fuzz.program import HEADER, Program
from tests.bench.fuzz.trial import tried

TOP = "\n".join(HEADER) + "\n"
USE = "\n\ndef inputs():\n    return (torch.arange(12.0).reshape(3, 4) - 5,), {}\n\n\ndef make():\n    return Net()\n"

MIXIN = """
class Mix:
    def cols(self, x):
        return F.dropout(F.softmax(x, dim=0), 0.3)
"""
MIXED = """
class Net(Mix, nn.Module):
    def forward(self, x):
        return self.cols(x) + F.softmax(F.dropout(x, 0.6), dim=1)
"""
LIBRARY = """
class Library(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.last = nn.Linear(4, 4)

    def act(self, x):
        return F.relu(x) * 2

    def forward(self, x):
        return self.last(self.act(self.fc(self.act(x))))
"""
KEEPING = """
class Library(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = act

    def forward(self, x):
        return self.act(x) + 1
"""
PROBING = """
def probe(model):
    return model(torch.ones(1, 4)).shape[1]


class Library(nn.Module):
    def __init__(self):
        super().__init__()
        self.width = probe(self)

    def forward(self, x):
        return F.softmax(x, dim=1) + x
"""
OVERRIDES = "class Net(Library):\n    def act(self, x):\n        return torch.tanh(x)\n"
SKIPS_INIT = """
class Net(Library):
    def __init__(self):
        nn.Module.__init__(self)
        self.fc, self.last = nn.Linear(4, 4), nn.Linear(4, 4)
"""
STORES = """
class Net(Library):
    def __init__(self):
        super().__init__()
        self.act = torch.tanh
"""
GIVES = "class Net(Library):\n    def __init__(self):\n        super().__init__(torch.tanh)\n"

DISTANCE = "def distance(x, y):\n    return (x - y).abs().sum(-1, keepdim=True)\n"
RESOLVES = """
class Net(nn.Module):
    def __init__(self, compiled=False):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.compiled = compiled

    def resolved(self):
        return torch.compile(distance) if self.compiled else distance

    def batched(self, x, y):
        return self.resolved()(self.fc(x), y) * 2

    def forward(self, x):
        cost = self.resolved() if x.dtype == torch.float32 else distance
        return cost(x, x * 2) + self.batched(x, x)
"""
AGAIN = "class Net(Library):\n    def forward(self, x):\n        return self.act(self.act(x)) + self.act(x * x)\n"

VARIABLE = """
activation = F.relu


def halved(x):
    return x / 2
"""
SETS = """
import parts


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return parts.activation(self.fc(x)) + halved(x)


def extra(model):
    parts.activation = torch.tanh
    try:
        return model(torch.ones(2, 4))
    finally:
        parts.activation = F.relu
"""
ALL_SEEN = {
    "a function that another method names": (DISTANCE, RESOLVES),
    "a subclass that calls a helper again": (LIBRARY.partition("    def forward")[0], AGAIN),
    "a mixin in another file": (MIXIN, MIXED),
    "a variable of another file that it sets": (VARIABLE, SETS),
    "a base that probes its objects": (PROBING, "class Net(Library):\n    pass\n"),
    "a subclass that stores a function": (KEEPING, STORES),
    "a subclass that gives a function": (KEEPING, GIVES),
    "a subclass that overrides a helper": (LIBRARY, OVERRIDES),
}
LIBRARY_SEEN = {
    "a subclass that overrides a helper": (LIBRARY, OVERRIDES),
    "a subclass that gives a function": (KEEPING, GIVES),
    "a base that probes its objects": (PROBING, "class Net(Library):\n    pass\n"),
}


@pytest.mark.parametrize("name", ALL_SEEN)
def test_all_files_in_one_run(name: str) -> None:
    parts, model = ALL_SEEN[name]
    program = Program({"parts.py": TOP + parts, "model.py": f"{TOP}from parts import *\n\n\n{model}{USE}"})
    outcome = tried(program, ("older pickle",))
    assert outcome.kind == "same", outcome


def test_a_subclass_that_skips_the_constructor_gets_modules_that_all_calls_of_a_method_share() -> None:
    files = {"parts.py": TOP + LIBRARY, "model.py": f"{TOP}from parts import *\n\n\n{SKIPS_INIT}{USE}"}
    outcome = tried(Program(files), ("older pickle",))
    assert (outcome.kind, outcome.findings, outcome.refusals) == ("same", 2, 2), outcome


@pytest.mark.parametrize("name", LIBRARY_SEEN)
def test_what_no_run_sees_goes_on(name: str) -> None:
    parts, model = LIBRARY_SEEN[name]
    user = f"{TOP}from parts import *\n\n\n{model}{USE}"
    outcome = tried(Program({"parts.py": TOP + parts}, {"user.py": user}, entry="user"), ("older pickle",))
    assert outcome.kind in ("same", "unchanged"), outcome
