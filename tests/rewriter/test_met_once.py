"""Code that goes over children meets a module once: parting places among these is gated, the others are parted. Executed."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from rewriter.results import Safety
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)

SHARED = """
def layers(n, act=nn.ReLU()):
    found = []
    for _ in range(n):
        found += [nn.Linear(4, 4)]
        found.append(act)
    return found


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*layers(3))

    def forward(self, x):
        return self.net(x)
"""
NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = {body}

    def forward(self, x):
        return self.body(x)
"""
GETTER = """

class LayerGetter(nn.Sequential):
    def __init__(self, model):
        super().__init__(*model.children())
"""

BUILDS = {
    "a slice of the children": "nn.Sequential(*list(Body().net.children())[:-1])",
    "in a comprehension": "nn.Sequential(*[part for _, part in Body().net.named_children()])",
}


def gated(source: str) -> str:
    """Why parting the places is not safe; what is left is like the original, and parted it would not be."""
    result = rewritten(source)
    [finding] = [f for f in result.findings if f.code == "RW204"]
    assert not result.changed and finding.safety is Safety.UNSAFE
    torch.manual_seed(0)
    before = load(result.before)["Net"]()
    parted = load(rewritten(source, unsafe_fixes=True).after)["Net"]()
    parted.load_state_dict(before.state_dict(), strict=False)
    assert not torch.equal(before(X), parted(X))
    return finding.why_unsafe


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_what_is_built_of_children_leaves_out_what_it_has_met(build: str) -> None:
    assert "children()` may go over" in gated(HEADER + SHARED + NET.format(body=build))


def test_a_loop_that_calls_children() -> None:
    source = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        act = nn.ReLU()
        self.net = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act)

    def forward(self, x):
        for part in self.net.children():
            x = part(x)
        return x
"""
    assert gated(HEADER + source).startswith("`self.net.children()`")


def test_a_class_out_of_sight_may_go_over_children(monkeypatch: pytest.MonkeyPatch) -> None:
    lib = types.ModuleType("lib")
    exec("from torch import nn\n" + GETTER, vars(lib))
    monkeypatch.setitem(sys.modules, "lib", lib)
    source = f"{HEADER}from lib import LayerGetter\n{SHARED}" + NET.format(body="LayerGetter(Body().net)")
    assert gated(source).startswith("`LayerGetter()`, which is out of sight, may go over the children")


def test_each_object_that_has_one_place_gets_its_own() -> None:
    """What stands once among the children of each object is met once there in any case."""
    source = """
class Feed(nn.Sequential):
    def __init__(self, act=nn.ReLU()):
        super().__init__(nn.Linear(4, 4), act, nn.Linear(4, 4))


class Net(nn.Module):
    def __init__(self, act=nn.ReLU()):
        super().__init__()
        self.act = act
        self.feeds = nn.ModuleList([Feed(act) for _ in range(2)])
        self.cut = nn.Sequential(*list(self.feeds.children())[:1])

    def forward(self, x):
        return self.act(self.cut(self.feeds[1](x)))
"""
    result = rewritten(HEADER + source, unsafe_fixes=False)
    assert result.after.decode().count("runtime.modules.own(act)") == 3


def test_children_that_are_only_asked_or_that_nobody_here_made() -> None:
    source = (
        SHARED
        + NET.format(body="Body()")
        + """

def freeze(model):
    for part in model.children():
        for weight in part.parameters():
            weight.requires_grad = False


def cut(name):
    model = torch.hub.load("net", name)
    return nn.Sequential(*list(model.children())[:-1])
"""
    )
    assert "found.append(runtime.modules.own(act))" in check(source, X)
