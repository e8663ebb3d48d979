"""Decorated functions and classes whose operations become modules, and those that are left alone."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, check, rewritten

X = torch.randn(2, 4)

NET = """

{decorator}
def twice(x, scale=2.0):
    return x * scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return twice(self.fc(x)) + twice(x, scale=3.0)
"""

PASSING = {
    "gives it back": ("def same(f):\n    f.marked = True\n    return f", "@same"),
    "a factory that gives it back": ("def named(name):\n    return lambda f: f", '@named("twice")'),
    "a wrapper that passes everything on": (
        "import functools\n\n\ndef logged(f):\n    @functools.wraps(f)\n    def run(*args, **kwargs):\n"
        "        return f(*args, **kwargs)\n\n    return run",
        "@logged",
    ),
    "two of them": (
        "def same(f):\n    return f\n\n\ndef named(name):\n    return lambda f: f",
        '@same\n@named("twice")',
    ),
    "one of several by branch": (
        "if torch.cuda.is_available():\n    def kernel(name):\n        return lambda f: f\nelse:\n"
        "    def kernel(name):\n        def give(f):\n            return f\n\n        return give",
        '@kernel("twice")',
    ),
    "torch's own": ("", "@torch.no_grad()"),
    "compiles it in traces alone": ("", "@torch.jit.script_if_tracing"),
}
CHANGING = {
    "out of sight": ("from functools import cache", "@cache"),
    "a wrapper that takes what it takes": (
        "def same(f):\n    def run(x, scale=2.0):\n        return f(x, scale)\n\n    return run",
        "@same",
    ),
    "another function": ("def other(f):\n    return lambda x, scale=2.0: x", "@other"),
    "looks at parameters": (
        "import inspect\n\n\ndef same(f):\n    assert len(inspect.signature(f).parameters) == 2\n    return f",
        "@same",
    ),
    "one branch that does not": (
        "if torch.cuda.is_available():\n    def kernel(f):\n        return f\nelse:\n"
        "    def kernel(f):\n        return torch.compile(f)",
        "@kernel",
    ),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_decorator_that_passes_everything_on_is_no_obstacle(name: str) -> None:
    definition, decorator = PASSING[name]
    after = check(f"\n{definition}\n" + NET.format(decorator=decorator), X)
    assert "ops=runtime.modules.shared[TwiceOps]" in after and "self.twice = runtime.modules.Function(twice)" in after


@pytest.mark.parametrize("name", PASSING)
def test_each_caller_has_modules_of_its_own_behind_a_decorator(name: str) -> None:
    definition, decorator = PASSING[name]
    source = HEADER + f"\n{definition}\n" + NET.format(decorator=decorator)
    namespace: dict[str, type[torch.nn.Module]] = {"__name__": "model"}  # type: ignore[dict-item]
    exec(compile(rewritten(source).after, "model.py", "exec"), namespace)
    net, called = namespace["Net"](), list[torch.nn.Module]()
    for module in net.modules():
        if type(module).__name__ == "EltWiseMult":
            module.register_forward_hook(lambda module, *_: called.append(module))
    net(X)
    assert len(called) == len(set(called)) == 2


@pytest.mark.parametrize("name", CHANGING)
def test_a_decorator_that_may_change_what_the_function_takes(name: str) -> None:
    definition, decorator = CHANGING[name]
    result = rewritten(HEADER + f"\n{definition}\n" + NET.format(decorator=decorator))
    assert "RW903" in {r.code for r in result.refusals} and b"TwiceOps" not in result.after


CLASS = """

def registered(name):
    def register(cls):
        return cls

    return register


{decorator}
class Net(nn.Module):
{fields}    def forward(self, x):
        return x * 2
"""


def test_a_decorated_class_without_init_gets_one() -> None:
    assert "def __init__(self" in check(CLASS.format(decorator='@registered("net")', fields=""), X)


def test_unless_the_decorator_may_write_one_from_fields() -> None:
    result = rewritten(HEADER + CLASS.format(decorator='@registered("net")', fields="    width: int = 4\n\n"))
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}
