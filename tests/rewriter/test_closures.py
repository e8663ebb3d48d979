"""Lambdas, nested functions, generators, properties and methods as values: before and after, executed."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(3, 4)
CHECKPOINT = "from torch.utils.checkpoint import checkpoint\n\n"


def net(*forward: str, more: str = "", before: str = "", init: str = "") -> str:
    body = "".join(f"        {line}\n" for line in forward)
    return (
        f"{before}\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.linear = nn.Linear(4, 4)\n{init}\n{more}    def forward(self, x):\n{body}"
    )


def method(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines()) + "\n"


KNOWN = {
    "a nested function": (
        net("def mix(y):", "    return self.linear(y) * 2 + x", "return mix(x)"),
        "return self.add(self.mul(self.linear(y), 2), x)",
    ),
    "a lambda": (net("double = lambda y: y * 2", "return double(self.linear(x))"), "double = lambda y: self.mul(y, 2)"),
    "a lambda called at once": (net("return (lambda y: y * 2)(x)"), "(lambda y: self.mul(y, 2))(x)"),
    "a variable of the function around it": (
        net("total = x", "def add(y):", "    nonlocal total", "    total = total + y", "    return total", "return add(x) * total"),
        "total = self.add(total, y)",
    ),
    "checkpointed": (
        net("def body(y):", "    return y * 2", "return checkpoint(body, x, use_reentrant=False)", before=CHECKPOINT),
        "return self.mul(y, 2)",
    ),
    "a method checkpointed": (
        net("return checkpoint(self.body, x, use_reentrant=False)", before=CHECKPOINT, more=method("def body(self, y):\n    return y * 2")),
        "return self.mul(y, 2)",
    ),
    "a property": (
        net("return F.linear(x, self.scaled)", more=method("@property\ndef scaled(self):\n    return self.linear.weight * 2")),
        "return self.mul(self.linear.weight, 2)",
    ),
    "a property with a setter": (
        net(
            "return F.linear(x, self.scaled)",
            more=method(
                "@property\ndef scaled(self):\n    return self.linear.weight * self.by\n\n"
                "@scaled.setter\ndef scaled(self, by):\n    self.by = by"
            ),
            init="        self.by = 2\n",
        ),
        "return self.mul(self.linear.weight, self.by)",
    ),
    "a property that __init__ reads": (
        net("return x * self.gain", more=method("@property\ndef gain(self):\n    return self.w + 1"),
            init="        self.w = nn.Parameter(torch.ones(4))\n        self.size = self.gain.shape\n"),
        "super().__init__()\n        self.add = runtime.modules.EltWiseAdd()\n",
    ),
    "a property of a base": (
        "\nclass Base(nn.Module):\n    @property\n    def k(self):\n        return torch.rand(1) * 2\n\n\n"
        "class Net(Base):\n    @property\n    def k(self):\n        return super().k + 1\n\n"
        "    def forward(self, x):\n        return x * self.k\n",
        "return self.add(super().k, 1)",
    ),
    "a generator": (
        net("return sum(self.parts(x))", more=method("def parts(self, y):\n    for i in range(2):\n        yield y * i")),
        "yield self.mul[i](y, i)",
    ),
    "a base's method by name": (
        "\nclass Base(nn.Module):\n    def forward(self, x):\n        return x + 1\n\n\n"
        "class Net(Base):\n    def forward(self, x):\n        return Base.forward(self, x) * 2\n",
        "self.mul(Base.forward(self, x), 2)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_runs_where_it_is_called_is_known(name: str) -> None:
    source, expected = KNOWN[name]
    assert expected in check(source, X)
    result = rewritten(HEADER + source)
    assert not result.refusals
    found = check_prepared(load(result.after)["Net"](), X)
    assert not found.raw and not found.repeated, found


SHARED = {
    "called in a loop": ("RW902", net("f = lambda y: y * 2", "for i in range(2):", "    x = f(x)", "return x")),
    "calling itself": ("RW902", net("def f(y, n):", "    return y if n == 0 else f(y * 2, n - 1)", "return f(x, 2)")),
    "a property read twice": (
        "RW902",
        net("return x * self.k + self.k", more=method("@property\ndef k(self):\n    return self.linear.bias * 2")),
    ),
    "handed out": ("RW908", net("return list(map(self.f, [x, x]))", more=method("def f(self, y: Tensor):\n    return y * 2"))),
    "given to map": ("RW902", net("def f(y: Tensor):", "    return x * 2", "return list(map(f, [x, x]))")),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_what_runs_often_shares_one_module_and_says_so(name: str) -> None:
    code, source = SHARED[name]
    assert "self.mul(" in check(source, X)
    assert {r.code for r in rewritten(HEADER + source).refusals} == {code}


def test_a_nested_function_that_is_called_twice_has_a_module_for_each_call() -> None:
    source = net("def f(y):", "    return y * 2", "return f(f(x))")
    after = check(source, X)
    assert "self.mul[call](y, 2)" in after and "return f(f(x, call=1))" in after
    assert not rewritten(HEADER + source).refusals


def test_two_functions_of_one_name_are_not_taken_for_one() -> None:
    source = net(
        "if x.shape[0] > 99:", "    def f(y):", "        return y", "else:", "    def f(y):", "        return y * 2",
        "return f(self.linear(x))",
    )  # fmt: skip
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW901"}
