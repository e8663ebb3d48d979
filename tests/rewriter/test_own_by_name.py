"""`getattr(self, "act", nn.ReLU())(x)`: the object's own module, read as what it may lack. Before and after, executed."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)


def net(*forward: str, made: str = "self.act = act()", more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in forward)
    return f"""
class Net(nn.Module):
    def __init__(self, depth=3, act=nn.ReLU):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(depth))
        {made}
{more}
    def forward(self, x):
{lines}        return x
"""


LOOP = ("for i, layer in enumerate(self.layers):", '    x = getattr(self, "act", nn.ReLU())(layer(x))')
TWICE = ('x = getattr(self, "act", nn.ReLU())(x) - 1', 'x = getattr(self, "act")(x)')


@pytest.mark.parametrize(("forward", "call"), [(LOOP, "self.act2[i](layer(x))"), (TWICE, "x = self.act2(x)")])
def test_what_each_object_has_is_called_by_its_name(forward: tuple[str, ...], call: str) -> None:
    after = check(net(*forward), X)
    assert call in after
    assert not check_prepared(load((HEADER + after).encode())["Net"](), X).repeated


STAYS = {
    "made in some cases": net(*TWICE, made="if depth > 1:\n            self.act = act()"),
    "taken away later": net(*TWICE, more="\n    def bare(self):\n        del self.act\n"),
    "in place of what draws numbers": net(
        *[line.replace("nn.ReLU()", "nn.Linear(4, 4)") for line in (TWICE[0], TWICE[0])]
    ),
    "of a name that is chosen": net(
        *[line.replace('"act"', "self.name") for line in TWICE], more="        self.name = 'act'\n"
    ),
}


@pytest.mark.parametrize("source", STAYS.values(), ids=STAYS.keys())
def test_else_the_call_stays(source: str) -> None:
    result = rewritten(HEADER + source)
    assert "getattr(self" in result.after.decode() and "self.act2" not in result.after.decode()
    assert any(refusal.code in ("RW902", "RW911") for refusal in result.refusals)
