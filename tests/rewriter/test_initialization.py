"""Which `__init__` runs when, and what that leaves room for: modules are there before anything calls them."""

from __future__ import annotations

import copy
import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from rewriter.engine import rewrite
from rewriter.settings import Settings
from runtime.modules import Exp, makes_missing
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4)

BASE = """
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x) + x


"""

READY = {
    "a subclass that runs it by name": BASE + """class Net(Base):
    def __init__(self):
        Base.__init__(self)
        self.depth = 1
""",
    "through a class between": BASE + """class Middle(Base):
    pass


class Net(Middle):
    def __init__(self):
        super(Net, self).__init__()
""",
    "on every branch": BASE + """class Net(Base):
    def __init__(self, deep=False):
        if deep:
            super().__init__()
        else:
            Base.__init__(self)
""",
    "a dataclass": """
from dataclasses import dataclass


@dataclass(eq=False)
class Net(nn.Module):
    width: int = 4

    def __post_init__(self):
        super().__init__()
        self.linear = nn.Linear(self.width, self.width)

    def forward(self, x):
        return self.linear(x) * self.width
""",
    "a dataclass below another": """
import dataclasses


@dataclasses.dataclass(eq=False)
class Base(nn.Module):
    width: int = 4

    def __post_init__(self):
        super().__init__()
        self.linear = nn.Linear(self.width, self.width)

    def forward(self, x):
        return self.linear(x) * self.width


@dataclasses.dataclass(eq=False)
class Net(Base):
    def __post_init__(self):
        super().__post_init__()
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(super().forward(x) + 1)
""",
    "an early return": """
class Net(nn.Module):
    def __init__(self, short=True):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if short:
            return
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.linear(x) + x
""",
}  # fmt: skip


@pytest.mark.parametrize("name", READY)
def test_rewritten(name: str) -> None:
    check(READY[name], X)


SKIPPED = {
    "nn.Module's own": "nn.Module.__init__(self)",
    "the one behind it": "super(Base, self).__init__()",
}


@pytest.mark.parametrize("name", SKIPPED)
def test_a_subclass_that_skips_the_init_of_its_base_makes_the_modules_as_well(name: str) -> None:
    source = f"{BASE}class Net(Base):\n    def __init__(self):\n        {SKIPPED[name]}\n        self.linear = nn.Linear(4, 4)\n"
    assert check(source, X).count("self.add = runtime.modules.EltWiseAdd()") == 2


def test_a_subclass_that_runs_it_on_one_way_alone_gets_the_modules_as_well() -> None:
    skips = "Base.__init__(self) if deep else nn.Module.__init__(self)"
    source = f"""{BASE}class Net(Base):
    def __init__(self, deep=False):
        {skips}
        self.linear = nn.Linear(4, 4)
"""
    for deep in (False, True):
        text = check(source, X, arguments=(deep,))
    assert "@runtime.modules.makes_missing(add=runtime.modules.EltWiseAdd)\nclass Base(nn.Module)" in text


FAR = {
    "layers.py": HEADER
    + """from torch.nn import functional as F


def turned(x):
    return torch.cat([-x[..., 1:], x[..., :1]], -1)


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x) + turned(x)
        return F.dropout(F.softmax(y, dim=-1), p=0.5, training=self.training)
""",
    "far.py": """from torch import nn

from pkg_far.layers import Base


class Net(Base):
    def __init__(self):
        nn.Module.__init__(self)
        self.linear = nn.Linear(4, 4)
""",
}


def test_subclasses_in_other_files_get_the_modules_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files stay as they are: the base's is rewritten alone."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        (folder / "pkg_far").mkdir(parents=True)
        (folder / "pkg_far/__init__.py").touch()
        for name, text in FAR.items():
            (folder / "pkg_far" / name).write_text(text)
    layers = after / "pkg_far/layers.py"
    result = rewrite(layers.read_bytes(), layers, Settings())
    assert not result.refusals and b"@runtime.modules.makes_missing(" in result.after
    layers.write_bytes(result.after)
    models = []
    for folder in (before, after):
        with monkeypatch.context() as patched:
            patched.syspath_prepend(str(folder))
            for name in ("Base", "Net"):
                models.append(getattr(importlib.import_module(f"pkg_far.{'far' if name == 'Net' else 'layers'}"), name))
            for name in [name for name in sys.modules if name.partition(".")[0] == "pkg_far"]:
                del sys.modules[name]
    for old, new in zip(models[:2], models[2:], strict=True):
        torch.manual_seed(0)
        built = old()
        torch.manual_seed(0)
        rebuilt = new()
        assert_equal_models(built, rebuilt, X)
        assert_equal_models(built, copy.deepcopy(rebuilt), X)


@pytest.mark.parametrize("way", ["compile", "export", "trace"])
def test_missing_modules_are_there_for_compilers(way: str) -> None:
    class Net(Base):
        def __init__(self) -> None:
            nn.Module.__init__(self)

    net, want = Net(), X.exp().softmax(-1)
    if way == "compile":
        assert torch.equal(torch.compile(net, fullgraph=True, backend="eager")(X), want)
    elif way == "export":
        assert torch.equal(torch.export.export(net, (X,)).module()(X), want)
    else:
        assert torch.equal(torch.fx.symbolic_trace(net)(X), want)
    assert not hasattr(net, "other")


@makes_missing(exp=Exp, softmax=lambda self: nn.Softmax(dim=-1))
class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.exp = Exp()
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.softmax(self.exp(x))  # type: ignore[no-any-return]


def test_missing_modules_are_in_the_mode_of_their_object_and_made_once() -> None:
    class Net(Base):
        def __init__(self) -> None:
            nn.Module.__init__(self)

            asked.append(self.eval().softmax)

    asked: list[nn.Module] = []
    net = Net()
    assert [name for name, _ in Base().named_children()] == ["exp", "softmax"]
    assert [name for name, _ in net.named_children()] == ["softmax", "exp"]
    assert net.softmax is asked[0] and net.exp is net.exp and not net.exp.training


NOT_BESIDE = {
    "what the base makes again": ("nn.Module.__init__(self)", "self.relu = nn.ReLU()\n        self.other = nn.ReLU()"),
}


@pytest.mark.parametrize("name", NOT_BESIDE)
def test_a_base_whose_init_a_subclass_skips_is_refused(name: str) -> None:
    skips, made = NOT_BESIDE[name]
    base = BASE.replace("x) + x", "self.relu(self.relu(x)))").replace(
        "nn.Linear(4, 4)", f"nn.Linear(4, 4)\n        {made}"
    )
    source = f"{base if made else BASE}class Net(Base):\n    def __init__(self):\n        {skips}\n"
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}
    assert "Net does not run this __init__" in result.refusals[0].message


def test_a_dataclass_without_code_of_its_own_is_refused() -> None:
    source = (
        f"{HEADER}from dataclasses import dataclass\n\n@dataclass\nclass Net(nn.Module):\n    width: int = 4\n\n"
        "    def forward(self, x):\n        return x * self.width\n"
    )
    result = rewritten(source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}


CACHE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.length = 2{first}
        self.linear = nn.Linear(4, 4)

    def extend(self, length):
        positions = torch.rand(length) * self.length{inside}
        self.register_buffer("table", torch.outer(positions, torch.ones(4)), persistent=False)

    def forward(self, x):
        self.extend(x.shape[0])
        return self.linear(x) + self.table
"""


def test_modules_that_init_itself_calls_are_made_before() -> None:
    after = check(CACHE.format(first="\n        self.extend(self.length)", inside=""), X)
    assert after.index("self.mul = runtime") < after.index("self.extend(") < after.index("self.add = runtime")


def test_a_module_that_cannot_be_made_again_so_early_is_refused() -> None:
    inside = "\n        positions = self.act(self.act(positions))"
    source = CACHE.format(first="\n        self.act = nn.ReLU()\n        self.extend(2)", inside=inside)
    assert "self.act2(" not in check(source, X)
    assert "RW904" in {r.code for r in rewritten(HEADER + source).refusals}


def test_a_method_that_the_init_above_runs_is_refused() -> None:
    source = (
        CACHE.format(first="\n        self.extend(self.length)", inside="")
        + "\n\nclass Sub(Net):\n    def extend(self, length):\n        super().extend(length)\n"
        "        self.table = self.table + 1\n"
    )
    after = check(source, X, name="Sub")
    assert "self.table = self.table + 1" in after
    refused = [r for r in rewritten(HEADER + source).refusals if r.code == "RW904"]
    assert "an __init__ above it runs extend" in refused[0].message


def mixed(*users: str, mixin: str = "class Mixin:\n") -> str:
    return f"{mixin}    def invert(self, x):\n        return 1.0 - self.linear(x)\n\n\n" + "\n\n".join(users)


USER = """class Net({bases}):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.invert(x) * 2
"""

MIXED = {
    "before nn.Module": mixed(USER.format(bases="Mixin, nn.Module")),
    "by several": mixed(USER.format(bases="Mixin, nn.Module").replace("Net", "Other"), USER.format(bases="Mixin, nn.Module")),
    "before a base with arguments": mixed(
        "class Base(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n"
        "        self.linear = nn.Linear(width, width)\n",
        "class Net(Mixin, Base):\n    def __init__(self):\n        super().__init__(4)\n\n"
        "    def forward(self, x):\n        return self.invert(x)\n",
    ),
    "with an __init__ that passes on": mixed(
        USER.format(bases="Mixin, nn.Module"),
        mixin="class Mixin:\n    def __init__(self, *args, **kwargs):\n        super().__init__(*args, **kwargs)\n\n",
    ),
    "by a class that is no module, too": mixed(
        "class Tool(Mixin):\n    linear = staticmethod(lambda x: x)\n", USER.format(bases="Mixin, nn.Module")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_a_mixin_whose_init_always_runs_makes_its_modules(name: str) -> None:
    after = check(MIXED[name], X)
    assert "return self.sub(1.0, self.linear(x))" in after
    assert after.index("class Mixin") < after.index("self.sub = runtime") < after.index("def invert")


UNMIXED = {
    "behind nn.Module": mixed(USER.format(bases="nn.Module, Mixin")),
    "behind a module": mixed("class Base(nn.Module):\n    pass\n", USER.format(bases="Base, Mixin")),
    "around it": mixed(USER.format(bases="Mixin, nn.Module").replace("super().__init__()", "nn.Module.__init__(self)")),
    "by one that skips it": mixed(
        "class Tool(Mixin):\n    def __init__(self):\n        self.linear = list\n", USER.format(bases="Mixin, nn.Module")
    ),
    "with an __init__ that ends there": mixed(
        USER.format(bases="Mixin, nn.Module").replace("super().__init__()", "Mixin.__init__(self); nn.Module.__init__(self)"),
        mixin="class Mixin:\n    def __init__(self):\n        pass\n\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNMIXED)
def test_a_mixin_whose_init_may_not_run_is_refused(name: str) -> None:
    result = rewritten(HEADER + UNMIXED[name])
    assert "return 1.0 - self.linear(x)" in result.after.decode()
    assert {r.code for r in result.refusals} == {"RW904"}


def test_an_object_that_its_init_hands_to_a_function_that_nobody_knows() -> None:
    handing = '        super().__init__()\n        globals().get("watch", id)(self)\n'
    source = BASE.replace("        super().__init__()\n", handing)
    assert "runtime.modules.EltWiseAdd" in check(source + "class Net(Base):\n    pass\n", X)


@pytest.mark.parametrize("call", ["note(self)", "note(1, self, kind=2)", "note(*[self])"])
def test_an_object_that_is_handed_to_code_out_of_sight(call: str) -> None:
    source = f"""
from elsewhere import note


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {call}

    def forward(self, x):
        return x + 1
"""
    assert "return self.add(x, 1)" in rewritten(HEADER + source).after.decode()


TURNED = """
class Linear(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight * 2)


class Positive(Linear):
    def forward(self, x):
        return F.linear(x, self.weight.abs(), self.bias)


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(Linear(6, 6), nn.ReLU(), Linear(6, 6))
        for layer in self:
            if isinstance(layer, Linear):
                {turns}
"""


@pytest.mark.parametrize(
    "turns",
    [
        "layer.__class__ = Positive",
        "object.__setattr__(layer, '__class__', Positive)",
        "cls = Positive if layer.bias is not None else Linear\n                layer.__class__ = cls",
    ],
)
def test_a_class_that_objects_of_another_one_become_makes_no_modules(turns: str) -> None:
    after = check(TURNED.format(turns=turns), torch.randn(2, 6))
    assert "return F.linear(x, self.weight.abs(), self.bias)" in after
    assert "return self.linear(x, self.weight * 2)" in after


ASKING = """
import inspect


class Base(nn.Module):
    def __init__(self, *args, **kwargs):
        super().__init__()
        for name, value in zip({asks}, args):
            setattr(self, name, value)

    @classmethod
    def taken(cls):
        return inspect.signature(cls)


class Named(Base):
    def __init__(self, scale=2.0):
        super().__init__(scale)

    def forward(self, x):
        return x * self.scale


class Net(Named):
    def forward(self, x):
        return torch.exp(x * self.scale)


def build():
    return Net(3.0)
"""


@pytest.mark.parametrize(
    "asks",
    [
        "inspect.signature(self.__init__).parameters",
        "inspect.signature(type(self)).parameters",
        "inspect.getfullargspec(self.__class__.__init__).args[1:]",
        "cls_parameters(self)",
    ],
)
def test_a_class_whose_code_asks_what_its_constructor_takes_gets_none(asks: str) -> None:
    helper = "\n\ndef cls_parameters(net):\n    return net.taken().parameters\n"
    result = rewritten(HEADER + ASKING.format(asks=asks) + helper)
    assert b"return torch.exp(x * self.scale)" in result.after and b"return self.mul(x, self.scale)" in result.after
    before, after = (load(text)["build"]() for text in (result.before, result.after))
    assert torch.equal(before(torch.ones(2)), after(torch.ones(2)))
