"""Functions kept in attributes: stored as modules, where nothing can tell the difference."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
import torch
from torch import nn

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.settings import Settings
from runtime.inspect import check_prepared
from runtime.modules import as_module
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 3, 4, 4)


def block(parameters: str, value: str, *, before: str = "", body: str = "return self.act(x)", more: str = "") -> str:
    return f"""{before}

class Net(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.act = {value}

    def forward(self, x):
        x = self.conv(x)
        {body}
{more}"""


TABLE = '\nACTS = {"relu": F.relu, "gelu": F.gelu}\n'
SETTINGS = """
from dataclasses import dataclass
from typing import Optional

@dataclass
class Config:
    act: str = "gelu"
"""


def named_by(annotation: str, settings: str = SETTINGS, rebound: str = "") -> str:
    """The function that `cfg.act` names, where the attribute that keeps it is called `act` as well."""
    parameter = f", cfg{annotation} = Config()"
    return block(parameter, "ACTS[cfg.act]", before=settings + TABLE).replace(
        "        self.conv", f"{rebound}        self.conv", 1
    )


STORED = {
    "named by a setting": named_by(": Config"),
    "named by a setting, in quotes": named_by(': "Config"'),
    "named by a setting that may lack": named_by(": Optional[Config]"),
    "named by a setting or None": named_by(": Config | None"),
    "a default": block(", act=F.relu", "act"),
    "a default lambda": block(", act=lambda t: F.relu(t)", "act"),
    "annotated": block(", act: Callable[[Tensor], Tensor] = torch.tanh", "act", before="from typing import Callable\n"),
    "by name": block(', kind="silu"', "getattr(F, kind)"),
    "partial": block("", "partial(F.interpolate, scale_factor=2)", before="from functools import partial\n"),
    "a table": block(', kind="gelu"', "ACTS[kind]", before='\nACTS = {"relu": nn.ReLU(), "gelu": F.gelu}\n'),
    "either": block(", act=None", "act or F.relu"),
    "a choice": block(", fast=True", "F.relu if fast else nn.GELU()"),
    "returned by a function": block(
        ', kind="gelu"',
        "activation(kind)",
        before='\ndef activation(kind):\n    if kind == "gelu":\n        return F.gelu\n    return F.relu\n',
    ),
    "a table in the class's body": block(
        ', kind="gelu"', "self.ACTS[kind]"
    ).replace("    def __init__", '    ACTS = {"relu": F.relu, "gelu": F.gelu}\n\n    def __init__', 1),
    "set in two branches": block(", fast=True", "F.relu if fast else F.gelu").replace(
        "        self.act = F.relu if fast else F.gelu\n",
        "        if fast:\n            self.act = F.relu\n        else:\n            self.act = F.gelu\n",
    ),
    "a lambda with one operation": block("", "lambda t: F.interpolate(t, scale_factor=2)"),
    "a nested function with one operation": block("", "f").replace(
        "        self.act", "        def f(t):\n            return F.relu(t)\n\n        self.act", 1
    ),
    "a lambda called twice": block("", "lambda t: t * 2", body="return self.act(self.act(x))"),
    "partial of partial": block("", "partial(partial(F.softmax, dim=1), dtype=torch.float32)", before="from functools import partial\n"),
    "a function of the project": block("", "soft", before="\ndef soft(x):\n    return x * x.sigmoid()\n"),
    "a default of the project": block(", act=soft", "act", before="\ndef soft(x):\n    return x * x.sigmoid()\n"),
    "partial of one": block(
        "", "partial(soft, k=2)", before="\nfrom functools import partial\ndef soft(x, k):\n    return (x * k).sigmoid()\n"
    ),
    "one or what is given": block(", act=None", "act if act is not None else torch.tanh"),
    "given by a subclass": block(", act", "act", more="\n\nclass Base(Net):\n    pass\n\n\n").replace("class Net(", "class Root(").replace(
        "class Base(Net):\n    pass", "class Net(Root):\n    def __init__(self):\n        super().__init__(F.gelu)"
    ),
    "beside a lambda that somebody gives": block(", act=F.softplus", "act", more="\n\nclass Other(Net):\n    def __init__(self):\n        super().__init__(lambda t: F.relu(t) ** 2)\n"),
    "beside another value": block(", act=torch.tanh", "act").replace("self.act = act", "self.count, self.act = 3, act"),
    "compared to None": block(", act=F.relu", "act", body="return x if self.act is None else self.act(x)"),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_stored_as_a_module(name: str) -> None:
    after = check(STORED[name], X)
    assert re.search(r"self\.act = (3, )?runtime\.modules\.as_module\(", after)
    model = load(rewritten(HEADER + STORED[name]).after)["Net"]()
    found = check_prepared(model, X)
    assert not found.raw and any(n == "act" for n, _ in model.named_modules())


def test_a_parameter_that_says_that_it_may_be_any_callable() -> None:
    before = "from typing import Callable, Optional\n"
    source = block(", act: Optional[Callable] = None", "act", before=before)
    assert "self.act = runtime.modules.as_module(act)" in check(source, X, arguments=(torch.tanh,))
    factory = block(", make: Callable = nn.ReLU", "make", before=before, body="return self.relu(x)")
    factory = factory.replace("self.act = make", "self.make = make\n        self.relu = self.make()")
    assert not rewritten(HEADER + factory).changed


@pytest.mark.parametrize("kept", ["soft", "partial(soft, k=3)"])
def test_each_call_of_a_function_has_modules_of_its_own(kept: str) -> None:
    before = "\nfrom functools import partial\ndef soft(x, k=2):\n    return x * torch.sigmoid(x * k)\n"
    source = block("", kept, before=before, body="return self.act(self.act(x))")
    check(source, X)
    found = check_prepared(load(rewritten(HEADER + source).after)["Net"](), X)
    assert not found.raw and not found.repeated, found


CALLED = {
    "by name": (block("", "3", body="return getattr(F, self.kind)(x)").replace("self.act = 3", 'self.kind = "relu"'), "self.call(getattr(F, self.kind), x)"),
    "a table": (block("", "'gelu'", before='\nACTS = {"gelu": F.gelu, "relu": F.relu}\n', body="return ACTS[self.act](x)"), "self.call(ACTS[self.act], x)"),
    "a table of the object": (
        block("", '{"gelu": F.gelu, "relu": F.relu}', body='return self.act["gelu"](x) + self.act["relu"](x)'),
        """self.add(self.call(self.act["gelu"], x), self.call2(self.act["relu"], x))""",
    ),
    "a choice": (block("", "1", body="f = F.relu if self.act else torch.tanh; return f(x)"), "self.call(f, x)"),
    "partial": (
        block("", "1", before="from functools import partial\n", body="up = partial(F.interpolate, scale_factor=2); return up(x)"),
        "self.call(up, x)",
    ),
    "an argument of a method": (
        block("", "1", body="return self.run(x, F.relu)", more="\n    def run(self, x, f):\n        return f(x, inplace=True)\n"),
        "self.call(f, x, inplace=True)",
    ),
    "a default of a function": (
        block("", "1", before="\ndef run(x, f=F.relu):\n    return f(x)\n", body="return run(x) * run(x, F.gelu)"),
        "return ops.call(f, x)",
    ),
    "in the class's body": (
        block("", "1").replace("    def __init__", "    act = staticmethod(F.gelu)\n\n    def __init__", 1).replace("        self.act = 1\n", "        self.done = 1\n"),
        "return self.call(self.act, x)",
    ),
    "set by another method too": (
        block("", "F.relu", more="\n    def fast(self):\n        self.act = F.gelu\n"), "return self.call(self.act, x)"
    ),
    "keywords": (
        block("", '{"negative_slope": 0.5}', body='return getattr(F, "leaky_" + "relu")(x, **self.act)'),
        """self.call(getattr(F, "leaky_" + "relu"), x, **self.act)""",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_called_by_a_module_where_it_is_chosen(name: str) -> None:
    source, expected = CALLED[name]
    after = check(source, X)
    assert expected in after, after
    found = check_prepared(load(rewritten(HEADER + source).after)["Net"](), X)
    assert not found.raw and not found.repeated, found


def test_a_name_that_stands_there_is_no_choice() -> None:
    after = check(block("", "1", body='return getattr(torch, "tan" "h")(x)'), X)
    assert "nn.Tanh()" in after and "Call()" not in after


def test_a_function_that_may_be_anybodys_is_left_alone() -> None:
    source = block(
        "", "1", before="\ndef mine(x):\n    return x\n", body="f = F.relu if self.act else mine; return f(x)"
    )
    assert not rewritten(HEADER + source).changed


@pytest.mark.parametrize("kept", ["lambda t: F.relu(t) * 2", "f"])
def test_a_lambda_or_nested_function_with_several_operations_is_refused(kept: str) -> None:
    inner = "        def f(t):\n            t = t * 2\n            return F.relu(t)\n\n        self.act"
    result = rewritten(HEADER + block("", kept).replace("        self.act", inner, 1))
    assert not result.changed and [r.code for r in result.refusals] == ["RW903"]
    assert "2 operations" in result.refusals[0].message


LEFT = {
    "compared to a function": block(", act=F.relu", "act", body="return self.act(x) if self.act is F.relu else x"),
    "read": block(", act=F.relu", "act", body="f = self.act; return f(x)"),
    "set later": block(", act=F.relu", "act", more="\n    def fast(self):\n        self.act = F.gelu\n"),
    "read by a subclass": block(
        ", act=F.relu", "act", more="\n\nclass Sub(Net):\n    def kind(self):\n        return self.act.__name__\n"
    ),
    "read of something unknown": named_by(""),
    "read of a module": named_by(": Config", SETTINGS + "\n\nclass Setup(Config, nn.Module):\n    pass\n"),
    "read of something else": named_by(": Config", rebound="        cfg = self.settings\n").replace("    def forward", "    settings = Config()\n\n    def forward"),
    "no function of tensors": block(", make=list", "make", body="return self.act(x)"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left_as_it_is(name: str) -> None:
    assert b"as_module" not in rewritten(HEADER + LEFT[name]).after


def test_what_is_no_function_is_given_back() -> None:
    relu = nn.ReLU()
    assert as_module(relu) is relu and as_module(None) is None and as_module(nn.ReLU) is nn.ReLU and as_module(3) == 3


def test_a_stored_function_survives_copies() -> None:
    wrapped = as_module(torch.relu)
    for other in (copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))):
        assert torch.equal(other(X), torch.relu(X)) and "relu" in repr(other)


GIVEN = """
class Gate(nn.Module):
    def __init__(self, fusion=None):
        super().__init__()
        self.fusion = fusion

    def forward(self, x):
        return self.fusion(x, x)


def make(scale):
    return nn.Sequential({gates})


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = make(3.0)

    def forward(self, x):
        return self.gates(x)
"""


def test_a_lambda_that_somebody_gives_a_constructor() -> None:
    source = GIVEN.format(gates="Gate(lambda x, y: x + y), Gate(fusion=lambda x, y: x * scale)")
    assert "self.fusion = runtime.modules.as_module(fusion)" in check(source, X)


def test_of_a_lambda_that_somebody_gives_it_is_said_that_it_has_several_operations() -> None:
    result = rewritten(HEADER + GIVEN.format(gates="Gate(lambda x, y: x + y * scale)"))
    assert not result.changed
    assert "`self.fusion` keeps a function with 2 operations" in [r.message for r in result.refusals]


SETTING = {
    "a helper": "set_attributes(self, locals())",
    "a loop": "for k, v in locals().items():\n            if k not in ('self', '__class__'):\n                setattr(self, k, v)",
    "read besides": "self.fusion = fusion\n        self.kind = str(self.fusion)",
}


@pytest.mark.parametrize("name", SETTING)
def test_a_lambda_that_is_not_stored_by_an_assignment_is_called_by_a_module(name: str) -> None:
    helper = """
def set_attributes(self, values):
    for k, v in values.items():
        if k not in ("self", "__class__"):
            setattr(self, k, v)

"""
    source = helper + GIVEN.format(gates="Gate(lambda x, y: x + y), Gate(fusion=lambda x, y: x * scale)")
    after = check(source.replace("self.fusion = fusion", SETTING[name], 1), X)
    assert "return self.call(self.fusion, x, x)" in after and "self.call = runtime.modules.Call()" in after


SUM = """
def add(x, y):
    return x + y

"""


@pytest.mark.parametrize("name", ["an assignment", "a loop"])
def test_a_function_that_a_factory_gives_a_constructor_takes_modules(name: str) -> None:
    source = SUM + GIVEN.format(gates="Gate(add), Gate(fusion=add)")
    after = check(source.replace("self.fusion = fusion", SETTING.get(name, "self.fusion = fusion"), 1), X)
    assert "return ops.add(x, y)" in after
    stored = "self.fusion = runtime.modules.as_module(fusion)"
    assert (stored if name == "an assignment" else "self.call = runtime.modules.Call(add)") in after


def test_a_function_of_another_file_is_told_by_the_object_that_keeps_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    gate, net = GIVEN.format(gates="Gate(add)").split("def make")
    gate = gate.replace("self.fusion = fusion", SETTING["a loop"])
    files = {"gate.py": HEADER + gate, "net.py": f"{HEADER}from gate import Gate\n{SUM}\n\ndef make{net}"}
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    project = Project.for_paths([tmp_path])
    after = {f: rewrite((tmp_path / f).read_bytes(), tmp_path / f, Settings(), project).after.decode() for f in files}
    assert "self.call = runtime.modules.Call(self.fusion)" in after["gate.py"]
    assert "return ops.add(x, y)" in after["net.py"]


WALKS = """
class Net(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = act
        self.conv = nn.Conv2d(3, 3, 3)
        for part in self.modules():
            if hasattr(part, "{name}"):
                part.seen = True

    def forward(self, x):
        return self.act(self.conv(x))
"""


def test_walks_that_ask_for_what_wrappers_do_not_have() -> None:
    after = check(WALKS.format(name="stride"), X)
    assert "self.act = runtime.modules.as_module(act)" in after
    assert "as_module" not in rewritten(HEADER + WALKS.format(name="function")).after.decode()
