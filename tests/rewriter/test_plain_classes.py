"""Classes that are no modules, whose objects compute for a module that keeps them."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

X = torch.randn(2, 1, 8, 8)


def with_net(helper: str) -> str:
    return f"""{HEADER}

{helper}

class Net(nn.Module):
    def __init__(self, correlation=None):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.correlation = correlation

    def forward(self, x):
        self.correlation.build(self.conv(x), x)
        return self.correlation.look(x)
"""


def helper(head: str = "class Correlation:", init: str = "self.levels = 3", more: str = "") -> str:
    return f"""{head}
    def __init__(self):
        {init}

    def build(self, a, b):
        volume = torch.matmul(a, b) / 2
        self.pyramid = [volume]
        for _ in range(2):
            volume = F.avg_pool2d(volume, 2)
            self.pyramid.append(volume)

    def look(self, c):
        return torch.cat([p.flatten(1) for p in self.pyramid], 1)
{more}"""


@pytest.mark.parametrize(
    "head",
    ["class Correlation:", "class Correlation():", "class Correlation(object):"],
    ids=["bare", "brackets", "object"],
)
def test_becomes_a_module(head: str) -> None:
    result = rewritten(with_net(helper(head)))
    text = result.after.decode()
    assert "class Correlation(nn.Module):\n    def __init__(self):\n        super().__init__()\n" in text
    before, after = load(result.before), load(result.after)
    nets = before["Net"](before["Correlation"]()), after["Net"](after["Correlation"]())
    assert_equal_models(*nets, X)
    found = check_prepared(nets[1], X)
    assert not found.raw and not found.repeated, found
    assert "correlation.matmul" in dict(nets[1].named_modules())


def test_methods_of_other_modules_are_followed() -> None:
    source = with_net(helper(head="class Correlation(nn.Module):", init="super().__init__()"))
    result = rewritten(source)
    before, after = load(result.before), load(result.after)
    nets = before["Net"](before["Correlation"]()), after["Net"](after["Correlation"]())
    assert_equal_models(*nets, X)
    assert not check_prepared(nets[1], X).raw


NO_MODULES = {
    "parameters": helper(init="self.levels = nn.Parameter(torch.zeros(1))"),
    "modules": helper(init="self.levels = nn.Linear(1, 1)"),
    "something unknown": helper(init="self.levels = eval('3')"),
    "a name of nn.Module": helper(init="self.training = False"),
    "a subclass": helper() + "\n\nclass Sub(Correlation):\n    pass\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_MODULES)
def test_what_cannot_become_a_module_is_given_modules_by_its_callers(name: str) -> None:
    result = rewritten(with_net(NO_MODULES[name]))
    text = result.after.decode()
    assert "class Correlation:" in text
    assert "self.call(self.correlation.build, self.conv(x), x)" in text
    before, after = load(result.before), load(result.after)
    nets = before["Net"](before["Correlation"]()), after["Net"](after["Correlation"]())
    assert_equal_models(*nets, X)
    assert not check_prepared(nets[1], X).raw


def test_a_type_for_torchscript_stays_as_it_is() -> None:
    user = "\n\nclass User(nn.Module):\n    correlation: Correlation\n"
    result = rewritten(with_net(helper() + user))
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}


UNTOUCHED = {
    "two classes with the method": helper() + "\n\nclass Other:\n    def build(self, a, b):\n        return a\n\n    def look(self, c):\n        return c\n",
    "special methods": helper(more="\n    def __getattr__(self, name):\n        return 1\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNTOUCHED)
def test_not_taken_for_a_helper(name: str) -> None:
    result = rewritten(with_net(UNTOUCHED[name]))
    assert b"class Correlation(nn" not in result.after
