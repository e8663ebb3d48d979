"""Lambdas and nested functions that a forward runs several times: each run has modules of its own where it can be told."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)


def net(*forward: str) -> str:
    body = "".join(f"        {line}\n" for line in forward)
    return f"""

def halved(x):
    return x / 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.Tanh()

    def forward(self, x):
{body}"""


TOLD = {
    "a lambda": (net("a, b = map(lambda t: t + 1, (x, x * 2))", "return a, b"), "map(lambda t, i: self.add[i](t, 1), "),
    "a lambda over two": (
        net("return list(map(lambda t, s: t * s, (x, x.abs()), (1, 2, 3)))"),
        "map(lambda t, s, i: self.mul[i](t, s), (x, self.abs(x)), (1, 2, 3), range(2))",
    ),
    "a lambda over a variable": (
        net("pads = ((1, 0), (0, 1))", "return torch.cat(list(map(lambda p: F.pad(x, p), pads)), 1)"),
        "map(lambda p, i: self.pad[i](x, p), pads, range(2))",
    ),
    "a function with operations in a lambda": (
        net("return list(map(lambda t: halved(t), (x, x)))"),
        "map(lambda t, i: self.halved[i](t), (x, x), range(2))",
    ),
    "a nested function": (
        net("def f(y, by=2):", "    return y * by", "return f(x), f(x, by=3)"),
        "return f(x), f(x, by=3, call=1)",
    ),
    "a module": (net("return list(map(self.act, (x, x)))"), "self.act2.each((x, x))"),
    "a function": (net("return list(map(halved, (x, x)))"), "self.halved.each((x, x))"),
    "an operation": (net("return list(map(torch.sigmoid, (x, x)))"), "self.sigmoid.each((x, x))"),
}


@pytest.mark.parametrize("name", TOLD)
def test_each_run_has_modules_of_its_own(name: str) -> None:
    source, expected = TOLD[name]
    assert expected in check(source, X)
    found = check_prepared(load(rewritten(HEADER + source).after)["Net"](), X)
    assert not found.repeated and not found.raw, found


SHARED = {
    "rows": net("return torch.stack(list(map(lambda t: t + 1, x)))"),
    "a nested function in a loop": net(
        "def f(y):", "    return y + 1", "for _ in range(3):", "    x = f(x)", "return f(x)"
    ),
    "a nested function that is handed on": net("def f(y):", "    return y + 1", "return f(x), f(f(x)), call(f)"),
    "arguments that are spread": net("def f(y):", "    return y + 1", "xs = [x]", "return f(*xs), f(x)"),
    "a lambda of a function of the file": "def overlap(a):\n    area = lambda t: t * 2\n    return area(a) - area(a.T).T\n\n\n"
    + net("return overlap(x)"),
}


@pytest.mark.parametrize("name", SHARED)
def test_what_cannot_be_told_shares_and_is_said(name: str) -> None:
    result = rewritten(HEADER + SHARED[name])
    assert "call=" not in result.after.decode() and "range(2)" not in result.after.decode()
    assert {r.code for r in result.refusals} & {"RW902", "RW908"}, result.refusals
