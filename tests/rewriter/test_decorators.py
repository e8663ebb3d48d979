"""Decorated functions and classes whose operations become modules, and those that are left alone."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

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

SCRIPTING = """import functools


def compiled_in_traces(f):
    @functools.wraps(f)
    def run(*args, **kwargs):
        if not torch._C._is_tracing():
            return f(*args, **kwargs)
        return torch.jit.script(run.__original_fn)(*args, **kwargs)

    run.__original_fn = f
    run.__script_if_tracing_wrapper = True
    return run"""
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
    "leaves out keywords that the function does not take": (
        "import functools\nimport inspect\n\n\ndef fallback(f):\n    names = tuple(inspect.signature(f).parameters)\n\n"
        "    @functools.wraps(f)\n    def run(*args, **kwargs):\n"
        "        kwargs = {k: v for k, v in kwargs.items() if k in names}\n        return f(*args, **kwargs)\n\n"
        "    return run",
        "@fallback",
    ),
    "hands a wrapper on to another one": (
        "import functools\n\n\ndef named(name):\n    return lambda f: f\n\n\ndef kernel(name):\n"
        "    register = named(name)\n\n    def decorator(f):\n        @functools.wraps(f)\n"
        "        def run(*args, **kwargs):\n            return f(*args, **kwargs)\n\n        return register(run)\n\n"
        "    return decorator",
        '@kernel("twice")',
    ),
    "torch's own": ("", "@torch.no_grad()"),
    "compiles it in traces alone": ("", "@torch.jit.script_if_tracing"),
    "a copy of torch's own": (SCRIPTING, "@compiled_in_traces"),
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
    "hands a wrapper on to what may change it": (
        "import functools\n\n\ndef kernel(f):\n    @functools.wraps(f)\n    def run(*args, **kwargs):\n"
        "        return f(*args, **kwargs)\n\n    return torch.compile(run)",
        "@kernel",
    ),
    "keeps the names of parameters for more than to leave keywords out": (
        "import inspect\n\n\ndef same(f):\n    names = tuple(inspect.signature(f).parameters)\n"
        "    f.width = len(names)\n    return f",
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


@pytest.mark.parametrize("told", [True, False])
def test_a_copy_of_the_decorator_that_compiles_in_traces(tmp_path: Path, told: bool) -> None:
    """A loop in the function shares a module, as TorchScript takes no list of them by a variable."""
    definition = SCRIPTING if told else SCRIPTING.replace("    run.__script_if_tracing_wrapper = True\n", "")
    net = NET.replace("return x * scale", "for i in range(3):\n        x = x * scale\n    return x")
    net = net.replace("def twice(x, scale=2.0)", "def twice(x, scale: float = 2.0)")
    source = f"{HEADER}\n{definition}\n{net.format(decorator='@compiled_in_traces')}"
    result = rewritten(source)
    assert (b"ops.mul(x, scale)" in result.after) is told
    torch.manual_seed(0)
    before = imported(tmp_path / "before.py", source.encode())
    torch.manual_seed(0)
    after = imported(tmp_path / "after.py", result.after)
    assert torch.equal(torch.jit.trace(after, X)(X[:1]), torch.jit.trace(before, X)(X[:1]))  # type: ignore[no-untyped-call]


def imported(path: Path, source: bytes) -> torch.nn.Module:
    """TorchScript reads the source that it compiles."""
    path.write_bytes(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    net: torch.nn.Module = module.Net()
    return net


@pytest.mark.parametrize(
    "imports, decorator, changes",
    [
        ("from beartype import beartype", "@beartype", True),
        ("from typeguard import typechecked", "@typechecked", True),
        ("import typeguard as tg", "@tg.typechecked(forward_refs_policy=None)", True),
        ("from jaxtyping import jaxtyped", "@jaxtyped(typechecker=None)", True),
        ("import pydantic", "@pydantic.validate_call(config={})", True),
        ("from elsewhere import documented", "@documented('scale')", True),
        ("from functools import lru_cache", "@lru_cache", False),
        ("import torch", "@torch.jit.export", False),
    ],
)
def test_a_constructor_behind_a_decorator_of_another_library(imports: str, decorator: str, changes: bool) -> None:
    net = "class Net(nn.Module):\n    {}\n    def __init__(self):\n        super().__init__()\n\n"
    source = f"{HEADER}{imports}\n\n\n{net.format(decorator)}    def forward(self, x):\n        return x + 1\n"
    assert rewritten(source).changed == changes


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

GIVING = """
from functools import wraps


def thirds(x):
    return x / 3 + 1


FORWARDS = dict(thirds=thirds)


def chosen(cls):
    original = cls.__init__

    @wraps(original)
    def __init__(self, kind):
        original(self)
        self.kind = kind

    def forward(self, x):
        return FORWARDS[self.kind](self.fc(x)) * 2

    cls.__init__ = __init__
    cls.forward = forward
    return cls


@chosen
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return x - 1{method}
"""


def test_what_a_decorator_gives_a_class_makes_its_modules_in_the_init_that_it_gives() -> None:
    after = rewritten(HEADER + GIVING.format(method="")).after.decode()
    assert "        self.kind = kind\n        self.call = runtime.modules.Call(FORWARDS)\n" in after
    assert "return self.mul(self.call(FORWARDS[self.kind], self.fc(x)), 2)" in after


def test_unless_the_class_would_meet_them() -> None:
    walks = "\n\n    def count(self):\n        return len(list(self.children()))"
    result = rewritten(HEADER + GIVING.format(method=walks))
    assert "RW904" in {r.code for r in result.refusals} and b"self.call" not in result.after


def test_a_decorated_class_without_init_gets_one() -> None:
    assert "def __init__(self" in check(CLASS.format(decorator='@registered("net")', fields=""), X)


@pytest.mark.parametrize("library, decorator", [("beartype", "beartype"), ("typeguard", "typechecked")])
def test_a_function_whose_arguments_another_library_checks(
    library: str, decorator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType(library)
    setattr(module, decorator, lambda function: function)
    monkeypatch.setitem(sys.modules, library, module)
    after = check(f"from {library} import {decorator}\n" + NET.format(decorator=f"@{decorator}"), X)
    assert "ops=runtime.modules.shared[TwiceOps]" in after


REGISTRY = """
class Registry(dict):
    def register(self, name):
        def keep(cls):
            cls.alias = name
            self[name] = cls
            return cls
        return keep

    def add(self, cls):
        self[cls.__name__] = cls
        return cls


LAYERS = Registry()


def listed(cls):
    LAYERS[cls.__name__] = cls
    return cls


def with_init(cls):
    def __init__(self):
        nn.Module.__init__(self)
        self.scale = 3
    cls.__init__ = __init__
    return cls


def copied(cls):
    class Copy(cls):
        pass
    return Copy


"""
FIELDS = "class Net(nn.Module):\n    scale: int = 2\n\n    def forward(self, x):\n        return x * self.scale\n"


@pytest.mark.parametrize("decorator", ['@LAYERS.register("net")', "@LAYERS.add", "@listed"])
def test_a_class_that_is_registered_has_the_init_that_it_had(decorator: str) -> None:
    after = check(f"{REGISTRY}{decorator}\n{FIELDS}", torch.ones(2))
    assert "self.mul = runtime.modules.EltWiseMult()" in after


@pytest.mark.parametrize(
    "fields",
    [
        "",
        "    scales: ClassVar[int] = 2\n    said: 'typing.ClassVar[str]' = ''\n\n",
    ],
)
def test_a_class_without_fields_has_the_init_that_it_had(fields: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("elsewhere")
    setattr(module, "documented", lambda cls: cls)  # noqa: B010
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    base = "class Base(nn.Module):\n    shape: tuple = (1,)\n\n\n"
    net = f"@documented\nclass Net(Base):\n{fields}    def forward(self, x):\n        return x * 2\n"
    after = check(f"from typing import ClassVar\nfrom elsewhere import documented\n\n\n{base}{net}", torch.ones(2))
    assert "self.mul = runtime.modules.EltWiseMult()" in after


@pytest.mark.parametrize("decorator", ["@with_init", "@copied", "@LAYERS.other", "@dataclasses.dataclass"])
def test_a_decorator_may_write_an_init(decorator: str) -> None:
    found = rewritten(f"import dataclasses\n{HEADER}{REGISTRY}{decorator}\n{FIELDS}")
    assert not found.changed and "a decorator that may write one" in found.refusals[-1].message


@pytest.mark.parametrize(
    "net",
    [
        "@keyed\nclass Base(nn.Module):\n    scale: int = 2\n\n\n@keyed\nclass Net(Base):\n",
        "@keyed\nclass Net(nn.Module):\n    def __post_init__(self):\n        super().__init__()\n\n",
    ],
)
def test_a_written_init_may_come_from_above_or_run_a_method(net: str) -> None:
    forward = "    def forward(self, x):\n        return x * 2\n"
    found = rewritten(f"{HEADER}from elsewhere import keyed\n\n\n{net}{forward}")
    assert not found.changed and "a decorator that may write one" in found.refusals[-1].message
