"""Modules in plain lists and dicts: what one expression takes out becomes children, and the rest stays a list."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)
NET = """
class Net(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        {made}
{more}
    def forward(self, x):
{lines}
        return x
"""


def net(made: str, *lines: str, more: str = "") -> str:
    return NET.format(made=made, lines="\n".join(f"        {line}" for line in lines), more=more)


LOOP = ("for act in self.acts:", "    x = act(x)")
BECOME = {
    "list": (net("self.acts = [nn.ReLU(), nn.Tanh()]", *LOOP), "nn.ModuleList([nn.ReLU(), nn.Tanh()])"),
    "tuple": (net("self.acts = (nn.ReLU(),)", *LOOP), "nn.ModuleList((nn.ReLU(),))"),
    "comprehension": (net("self.acts = [nn.GELU() for _ in range(depth)]", *LOOP), "([nn.GELU() for _ in range(depth)])"),
    "one many times": (net("self.acts = [nn.ReLU()] * depth", *LOOP), "nn.ModuleList([nn.ReLU() for _ in range(depth)])"),
    "annotated": (net("self.acts: list = [nn.ReLU()]", *LOOP), "self.acts: list = nn.ModuleList([nn.ReLU()])"),
    "counted": (net("self.acts = [nn.ReLU()]", "for i, act in enumerate(self.acts):", "    x = act(x)"), "nn.ModuleList"),
    "with others": (net("self.acts = [nn.ReLU()]", "x = [act(y) for act, y in zip(self.acts, [x])][0]"), "nn.ModuleList"),
    "indexed": (net("self.acts = [nn.ReLU(), nn.Tanh()]", "x = self.acts[-1](x)"), "nn.ModuleList"),
    "by number": (net("self.acts = [nn.ReLU(), nn.Tanh()]", "for i in range(2):", "    x = self.acts[i](x)"), "nn.ModuleList"),
    "dict": (net('self.acts = {"a": nn.ReLU()}', 'x = self.acts["a"](x)'), 'nn.ModuleDict({"a": nn.ReLU()})'),
    "values": (net('self.acts = {"a": nn.ReLU()}', "for act in self.acts.values():", "    x = act(x)"), "nn.ModuleDict"),
}  # fmt: skip


@pytest.mark.parametrize("name", BECOME)
def test_they_become_children(name: str) -> None:
    source, expected = BECOME[name]
    after = check(source, X)
    assert expected in after, after
    result = rewritten(HEADER + source)
    assert "RW209" in {finding.code for finding in result.findings}
    models = [load(code)["Net"]() for code in (result.before, result.after)]
    assert check_prepared(models[0], X).raw and not check_prepared(models[1], X).raw


STAY = {
    "weights": net("self.acts = [nn.Linear(4, 4)]", *LOOP),
    "one with weights": net("self.acts = [nn.ReLU(), nn.PReLU()]", *LOOP),
    "follows eval": net("self.acts = [nn.Dropout(0.5)]", *LOOP),
    "in another module": net("self.acts = [nn.ReLU()]", "x = self.all(x)", more="        self.all = nn.Sequential(*self.acts)\n"),
    "filled": net("self.acts = [nn.ReLU()]", *LOOP, more="        self.acts += [nn.Tanh()]\n"),
    "appended": net("self.acts = [nn.ReLU()]", *LOOP, more="        self.acts.append(nn.Tanh())\n"),
    "copied": net("self.acts = [nn.ReLU()]", "for act in list(self.acts):", "    x = act(x)"),
    "part of it": net("self.acts = [nn.ReLU(), nn.Tanh()]", "for act in self.acts[:1]:", "    x = act(x)"),
    "handed out": net("self.acts = [nn.ReLU()]", *LOOP, "x = (x, self.acts)"),
    "by name": net("self.acts = [nn.ReLU()]", *LOOP, "x = x + len(vars(self)['acts'])"),
    "runs again": net("self.acts = [nn.ReLU(), nn.Tanh()]", "for _ in range(2):", *(f"    {line}" for line in LOOP)),
    "taken twice": net("self.acts = [nn.ReLU(), nn.Tanh()]", *LOOP, *LOOP),
    "counts its children": net("self.acts = [nn.ReLU()]", *LOOP, "x = x * len(list(self.children()))"),
    "keys of a module": net('self.acts = {"type": nn.ReLU()}', 'x = self.acts["type"](x)'),
    "keys with dots": net('self.acts = {"a.b": nn.ReLU()}', 'x = self.acts["a.b"](x)'),
    "set elsewhere": net("self.acts = [nn.ReLU()]", *LOOP) + "\n\ndef use(net):\n    net.acts = [nn.Tanh()]\n",
}  # fmt: skip


@pytest.mark.parametrize("name", STAY)
def test_what_stays(name: str) -> None:
    assert "RW209" not in {finding.code for finding in rewritten(HEADER + STAY[name]).findings}


@pytest.mark.parametrize("name", STAY)
def test_layers_that_no_object_has_for_children_are_said(name: str) -> None:
    """Another module may take them in, whose children they are."""
    codes = {refusal.code for refusal in rewritten(HEADER + STAY[name]).refusals}
    assert ("RW915" in codes) is (name != "in another module")


def test_layers_that_are_added_to_an_empty_list_are_said() -> None:
    more = "        for _ in range(depth):\n            self.acts.append(nn.Linear(4, 4))\n"
    found = rewritten(HEADER + net("self.acts = []", *LOOP, more=more)).refusals
    assert [r.code for r in found] == ["RW915"] and "`self.acts`" in found[0].message
    registered = more + "            self.add_module(f'act{_}', self.acts[-1])\n"
    assert not rewritten(HEADER + net("self.acts = []", *LOOP, more=registered)).refusals
