"""Classes of containers: what is added never becomes one of their steps."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from runtime.modules import EltWiseAdd, WithOperations
from tests.rewriter.executed import HEADER, check, load

X = torch.randn(2, 4)

CONTAINERS = {
    "sequential": """

class Net(nn.Sequential):
    def __init__(self, *steps):
        super().__init__(nn.Linear(4, 4), nn.ReLU(), *steps)

    def forward(self, x):
        y = x
        for step in self:
            y = step(y)
        return F.relu(super().forward(x) + self[0](x)) * len(self) + y
""",
    "no constructor": """

class Block(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block(nn.Linear(4, 4), nn.Linear(4, 4))

    def forward(self, x):
        return self.block(x)
""",
    "list": """

class Net(nn.ModuleList):
    def __init__(self):
        super().__init__([nn.Linear(4, 4) for _ in range(3)])
        self.append(nn.Linear(4, 4))

    def forward(self, x):
        for layer in list(self)[1:]:
            x = x + layer(x)
        return x * len(self)
""",
    "dict": """

class Net(nn.ModuleDict):
    def __init__(self):
        super().__init__()
        for i in range(2):
            self.add_module("layer%d" % i, nn.Linear(4, 4))

    def forward(self, x):
        features = [x]
        for name, layer in self.items():
            assert name in self and "concat" not in self.keys()
            features.append(layer(features[-1]))
        return torch.cat(features, 1)
""",
    "a base that is one, too": """

class Base(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + x


class Net(Base):
    def __init__(self):
        super().__init__(nn.Linear(4, 4))

    def forward(self, x):
        return super().forward(x) * 2
""",
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_rewritten(name: str) -> None:
    after = check(CONTAINERS[name], X)
    assert "runtime.modules.WithOperations" in after and "add_operation(" in after


WALKS = {
    "for m in self.children():": "self.steps()",
    "for _, m in self.named_children():": "self.named_steps()",
    "for m in self._modules.values():": "self.step_modules.values()",
    "for i, m in enumerate(list(self.children())):": "enumerate(list(self.steps()))",
    "for name in self._modules:\n            m = self._modules[name]": "m = self.step_modules[name]",
}  # fmt: skip


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("base", ["nn.Sequential", "nn.Module"])
def test_what_walks_its_children_leaves_the_operations_out(walk: str, base: str) -> None:
    source = f"""

class Steps({base}):
    def __init__(self, *steps):
        super().__init__()
        for i, step in enumerate(steps):
            self.add_module(str(i), step)

    def forward(self, x):
        xs = []
        {walk}
            xs.append(m(x) * 2)
        return torch.cat(xs, dim=1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = Steps(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x):
        return self.steps(x)
"""
    assert WALKS[walk] in check(source, X)


class Steps(nn.Sequential, WithOperations):
    def __init__(self, *steps: nn.Module) -> None:
        super().__init__(*steps)
        self.add_operation("add", EltWiseAdd())


def test_every_method_sees_the_steps_alone() -> None:
    a, b, c = nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)
    steps = Steps(a, b)
    assert len(steps) == 2 and list(steps) == [a, b] and steps[-1] is b and next(iter(steps[:1])) is a
    steps.append(c)
    assert list(steps) == [a, b, c] and steps[2] is c
    steps.insert(0, c)
    assert list(steps) == [c, a, b, c]
    steps[1] = b
    del steps[0]
    assert list(steps) == [b, b, c] and steps.pop(0) is b
    steps.extend([a])
    assert list(steps) == [b, c, a] and isinstance(steps.add, EltWiseAdd)
    plain = nn.Sequential(b, c, a)
    assert torch.equal(steps(X), plain(X))
    assert [name for name, _ in steps.named_modules() if name] == ["0", "1", "2", "add"]
    assert list(steps.state_dict()) == list(plain.state_dict())


def test_a_replaced_operation_is_still_no_step() -> None:
    steps = Steps(nn.Linear(4, 4))
    steps.add = nn.Identity()
    assert len(steps) == 1
    for other in (copy.deepcopy(steps), pickle.loads(pickle.dumps(steps))):
        assert len(other) == 1 and torch.equal(other(X), steps(X))


def test_only_methods_of_the_container_itself_are_there() -> None:
    assert not hasattr(Steps(), "keys") and not hasattr(Steps(), "items")
    assert load(HEADER.encode())  # the header alone is a module
