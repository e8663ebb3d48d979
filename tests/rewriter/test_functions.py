"""Functions outside of classes, which compute: before and after, executed."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.settings import Settings
from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4)
BLOCK = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return mix(self.linear(x), x)
"""


def with_block(function: str) -> str:
    return f"\n\n{function}\n{BLOCK}"


def test_the_written_form() -> None:
    after = check(with_block('def mix(x, y):\n    """Adds."""\n    return x + y * 2  # a comment\n'), X)
    assert after == "import runtime.modules\n" + HEADER + with_block(
        "class MixOps(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.mul = runtime.modules.EltWiseMult()\n"
        "        self.add = runtime.modules.EltWiseAdd()\n\n\n"
        'def mix(x, y, *, ops=runtime.modules.shared[MixOps]):\n    """Adds."""\n'
        "    return ops.add(x, ops.mul(y, 2))  # a comment\n"
    ).replace("nn.Linear(4, 4)\n", "nn.Linear(4, 4)\n        self.mix = runtime.modules.Function(mix)\n").replace(
        "return mix(", "return self.mix("
    )


SIGNATURES = {
    "no name of its own": ("def mix(*xs):\n    return xs[0] + xs[1]\n", "(*xs, ops="),
    "keyword only": ("def mix(x, y, *, scale=2):\n    return x + y * scale\n", "(x, y, *, scale=2, ops="),
    "kwargs": ("def mix(x, y, **rest):\n    return x + y\n", "(x, y, *, ops=runtime.modules.shared[MixOps], **rest)"),
    "positional only": ("def mix(x, y, /):\n    return x + y\n", "(x, y, /, *, ops="),
    "brackets": ("def mix(x, y, s=(2)):\n    return x + y * s\n", "(x, y, s=(2), *, ops="),
    "typed": ("def mix(x: Tensor, y: Tensor) -> Tensor:\n    return x + y\n", "y: Tensor, *, ops: MixOps = runtime"),
    "lines": (
        "def mix(\n    x,\n    y,  # the second\n):\n    return x + y\n",
        "    y,\n    *,\n    ops=runtime.modules.shared[MixOps],  # the second\n)",
    ),
    "long": (
        "def mix(x: Tensor, y: Tensor, first: int = 1, second: int = 2, third: int = 3) -> Tensor:\n    return x + y\n",
        "def mix(\n    x: Tensor,\n    y: Tensor,\n    first: int = 1,\n    second: int = 2,\n    third: int = 3,\n"
        "    *,\n    ops: MixOps = runtime.modules.shared[MixOps],\n) -> Tensor:\n",
    ),
    "lines without a comma": (
        "def mix(\n    x, y\n):\n    return x + y\n",
        "    x, y, *, ops=runtime.modules.shared[MixOps]\n)",
    ),
    "a long line of its own": (
        "def mix(\n    x: Tensor, y: Tensor, first: int = 1, second: int = 2, third: int = 3\n) -> Tensor:\n    return x + y\n",
        "    x: Tensor, y: Tensor, first: int = 1, second: int = 2, third: int = 3,\n"
        "    *, ops: MixOps = runtime.modules.shared[MixOps]\n) -> Tensor:\n",
    ),
    "one line": ("def mix(x, y): return x + y\n", "(x, y, *, ops=runtime.modules.shared[MixOps]): return ops.add(x, y)"),
    "a name that is taken": ("def mix(x, y):\n    ops = x + y\n    return ops\n", "(x, y, *, ops2="),
    "a comment above": ("# mixes\n@torch.fx.wrap\ndef mix(x, y):\n    return x + y\n", "\n\n# mixes\n@torch.fx.wrap\ndef mix(x, y, *,"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    function, expected = SIGNATURES[name]
    if "torch.fx.wrap" in function:  # wants to be called at the top of a module
        result = rewritten(HEADER + with_block(function))
        assert expected in result.after.decode()
    else:
        assert expected in check(with_block(function), X)


def test_each_call_has_modules_of_its_own_and_functions_may_call_functions() -> None:
    source = """


def outer(x):
    return inner(x) + inner(x * 2)


def inner(x, drop=0.5, training=False):
    return F.dropout(F.relu(x), drop, training=training)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        x = outer(self.linear(x))
        return outer(x) + inner(x, training=self.training)
"""
    check(source, X)
    model = load(rewritten(HEADER + source).after)["Net"]()
    found = check_prepared(model, X)
    assert not found.raw and not found.repeated, found
    names = [name for name, _ in model.named_modules()]
    assert "outer2.ops.inner2.ops.relu" in names and "inner.ops.dropout" in names


def test_other_callers_go_on() -> None:
    source = f"{HEADER}\n\ndef mix(x, y):\n    return x + y\n{BLOCK}"
    after = load(rewritten(source).after)
    assert torch.equal(after["mix"](X, X), X + X)
    assert "shared[MixOps]" in repr(after["mix"].__kwdefaults__["ops"])


def test_functions_that_no_forward_calls_are_left_alone() -> None:
    result = rewritten(f"{HEADER}\n\ndef area(boxes):\n    return boxes[:, 2] * boxes[:, 3]\n")
    assert not result.changed and not result.refusals


COUNTED = {
    "a number": ("for i in range(3):\n        x = x + y", "x = ops.add[i](x, y)"),
    "names": ("for _ in ('a', 'b'):\n        x = x + y", "x = ops.add[i](x, y)"),
    "a list": ("for z in [x, y, x]:\n        y = y + z", "y = ops.add[i](y, z)"),
    "in each other": ("for i in range(2):\n        for z in [x, y]:\n            y = y * z", "y = ops.mul[i][j](y, z)"),
    "a nested function": ("def f(z):\n        return z * 2\n    x = f(x) + f(y)", "f(y, call=1)"),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_loop_in_a_function_has_a_module_for_each_turn(name: str) -> None:
    body, expected = COUNTED[name]
    source = with_block(f"def mix(x, y):\n    {body}\n    return x + y\n")
    assert expected in check(source, X)
    assert not check_prepared(load(rewritten(HEADER + source).after)["Net"](), X).repeated


SHARED = {
    "a while": "while x.sum() < 0:\n        x = x + y * y + 1",
    "steps": "for i in range(x.shape[0]):\n        x = x + y",
    "a function that is compiled": "for i in range(3):\n        x = x + y",
}


@pytest.mark.parametrize("name", SHARED)
def test_a_loop_in_a_function_shares_one_module_and_says_so(name: str) -> None:
    decorated = "@torch.jit.script_if_tracing\n" if "compiled" in name else ""
    source = with_block(f"{decorated}def mix(x, y):\n    {SHARED[name]}\n    return x\n")
    check(source, X)
    assert {r.code for r in rewritten(HEADER + source).refusals} == {"RW902"}


def test_a_function_that_was_edited_later_uses_the_class_that_it_has() -> None:
    once = rewritten(HEADER + with_block("def mix(x, y):\n    return x + y\n")).after
    edited = once.replace(b"return ops.add(x, y)", b"return F.relu(ops.add(x, y) + 1)")
    result = rewritten(edited.decode())
    assert b"return ops.relu(ops.add2(ops.add(x, y), 1))" in result.after and result.after.count(b"class MixOps") == 1
    assert_equal_models(load(edited)["Net"](), load(result.after)["Net"](), X)


def test_a_decorator_that_gives_the_function_back_is_no_obstacle() -> None:
    register = "known = []\n\n\ndef register(f):\n    known.append(f)\n    return f\n\n\n"
    assert "@register\ndef mix(x, y, *, ops=" in check(
        with_block(f"{register}@register\ndef mix(x, y):\n    return x + y\n"), X
    )


def test_methods_that_only_subclasses_call_belong_to_the_base() -> None:
    source = """

class Base(nn.Module):
    def mix(self, a, b):
        return self.left(a) + self.right(b)


class Net(Base):
    def __init__(self):
        super().__init__()
        self.left = nn.Linear(4, 4)
        self.right = nn.Linear(4, 4)

    def forward(self, x):
        return self.mix(x, x * 2)
"""
    after = check(source, X)
    assert "return self.add(self.left(a), self.right(b))" in after and "return self.mix(x, self.mul(x, 2))" in after


def test_a_mixin_that_is_no_module_is_refused() -> None:
    source = """

class Mixin:
    def invert(self, mask):
        return 1.0 - mask


class Net(nn.Module, Mixin):
    def forward(self, x):
        return self.invert(x)
"""
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}


def test_a_name_that_init_hides_is_refused() -> None:
    source = f"{HEADER}\n\ndef mix(x, y):\n    return x + y\n{BLOCK}".replace("self.linear = ", "mix = self.linear = ")
    result = rewritten(source)
    assert b"return mix(self.linear(x), x)" in result.after and "RW903" in {r.code for r in result.refusals}


FILES = {
    "lib/__init__.py": "",
    "lib/math.py": "import torch\nfrom torch import nn\n\n\ndef mix(x, y):\n    return x + y\n",
    "lib/net.py": "from torch import nn\nfrom . import math as m\nfrom .math import mix\n" + BLOCK.replace(
        "return mix(", "x = m.mix(x, x)\n        return mix("
    ),
}  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("order", [["lib/math.py", "lib/net.py"], ["lib/net.py", "lib/math.py"]])
def test_one_file_after_the_other_in_any_order(library: Path, order: list[str]) -> None:
    expected = []
    together = Project.for_paths([library])
    for name in order:
        path = library / name
        expected.append(rewrite(path.read_bytes(), path, Settings(), together).after)
    for name, wanted in zip(order, expected, strict=True):
        path = library / name
        result = rewrite(path.read_bytes(), path, Settings())
        assert result.failure is None and result.after == wanted and result.changed
        path.write_bytes(result.after)
        run_it = "import torch; from lib.net import Net; print(Net()(torch.ones(2, 4)).shape)"
        ran = subprocess.run(
            [sys.executable, "-c", run_it], cwd=library, capture_output=True, text=True, env=_environment(library)
        )
        assert "torch.Size([2, 4])" in ran.stdout, ran.stderr


def _environment(folder: Path) -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {"PYTHONPATH": f"{folder}:{root}", "PATH": "/usr/bin:/bin"}


def test_the_module_survives_copies_and_pickles() -> None:
    from tests.rewriter import functions_to_pickle

    model = functions_to_pickle.Net()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(model(X), other(X))
        assert other.mix.ops is not model.mix.ops and "mix" in repr(other)


STATIC = """

# Mixes.
class Net(nn.Module):
    offset = 1

    def forward(self, x):
        return self.mix(x, 2) * Net.mix(x, 3){more}

    @staticmethod
    def mix(x, k):
        return F.relu(x) * k
"""


def test_static_methods_take_modules_as_functions_do() -> None:
    source = STATIC.format(more="")
    after = check(source, X)
    assert "\n\nclass NetMixOps(nn.Module):" in after and after.index("class NetMixOps") < after.index("# Mixes.")
    assert (
        "    def mix(x, k, *, ops=runtime.modules.shared[NetMixOps]):\n        return ops.mul(ops.relu(x), k)" in after
    )
    assert (
        "self.mix2 = runtime.modules.Function(self.mix)\n        self.mix3 = runtime.modules.Function(Net.mix)" in after
    )
    model = load(rewritten(HEADER + source).after)["Net"]()
    found = check_prepared(model, X)
    assert not found.raw and not found.repeated, found
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(X), model(X))


def test_class_methods_know_their_class() -> None:
    source = STATIC.format(more=" + self.shifted(x)").rstrip() + (
        "\n\n    @classmethod\n    def shifted(cls, x):\n        return x + cls.offset - cls.mix(x, 4)\n"
        "\n\nclass Sub(Net):\n    offset = 5\n"
    )
    for name in ("Net", "Sub"):
        after = check(source, X, name=name)
    assert "return ops.sub(ops.add(x, cls.offset), cls.mix(x, 4))" in after
    assert [r.message for r in rewritten(HEADER + source).refusals] == [
        "mix takes modules, but `cls.mix` is not a name for it in __init__"
    ]


def test_a_static_method_of_a_class_that_is_no_module() -> None:
    source = """

class Ops:
    @staticmethod
    def mix(x, y):
        return x + y


class Net(nn.Module):
    def forward(self, x):
        return Ops.mix(x, x)
"""
    after = check(source, X)
    assert "class OpsMixOps(nn.Module):" in after and "self.mix = runtime.modules.Function(Ops.mix)" in after


def test_a_long_static_signature_is_broken_at_its_own_indentation() -> None:
    parameters = "x: Tensor, first: Tensor, second: Tensor, scale: float, offset: float"
    source = (
        "\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return self.mix(x, x, x, 1.0, 2.0)\n\n"
        f"    @staticmethod\n    def mix({parameters}) -> Tensor:\n        return x + first\n"
    )
    lines = [*parameters.split(", "), "*", "ops: NetMixOps = runtime.modules.shared[NetMixOps]"]
    broken = "".join(f"        {line},\n" for line in lines)
    assert f"    def mix(\n{broken}    ) -> Tensor:\n" in check(source, X)


def test_functions_that_call_each_other_many_times_over_come_to_an_end() -> None:
    chain = "def f0(x):\n    return x + 1\n"
    chain += "".join(f"\n\ndef f{i}(x):\n    return {' + '.join([f'f{i - 1}(x)'] * 6)}\n" for i in range(1, 12))
    source = f"\n\n{chain}\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return f11(x)\n"
    assert rewritten(HEADER + source).changed  # 6 to the power of 11 calls


def test_a_function_whose_callers_were_rewritten_before_it() -> None:
    source = "import runtime.modules\n\n\ndef _mix(x, y):\n    return x + y\n\n\nclass Net(nn.Module):\n"
    source += (
        "    def __init__(self):\n        super().__init__()\n        self.blend = runtime.modules.Function(_mix)\n\n"
    )
    source += "    def forward(self, x):\n        return self.blend(x, x)\n"
    assert b"def _mix(x, y, *, ops=runtime.modules.shared[_MixOps])" in rewritten(HEADER + source).after


def test_a_tensor_that_an_annotation_calls_a_number_is_one_before_and_after() -> None:
    function = "def cost(x) -> float:\n    return torch.logsumexp(x, dim=-1) ** 2\n"
    body = "        parts = []\n        for part in self.linear(x):\n            parts.append(part.view(1, -1))\n"
    body += "        return 3 * (cost(torch.cat(parts, dim=1)) + cost(torch.cat(parts, dim=0)))\n"
    net = BLOCK.replace("        return mix(self.linear(x), x)\n", body)
    result = rewritten(f"{HEADER}\n\n{function}{net}")  # a second run that saw more would be a failure
    assert result.failure is None and b"self.mul(3, self.add(" in result.after
    check(f"\n\n{function}{net}", X)


def test_a_function_of_a_file_that_imports_torch_for_types_alone(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    helper = tmp_path / "pkg" / "helper.py"
    helper.write_text(
        "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\n"
        "if TYPE_CHECKING:\n    import torch\n    from torch import nn\n\n\n"
        "def mix(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:\n    return x + y\n"
    )
    net = BLOCK.lstrip().replace("mix(", "helper.mix(")
    (tmp_path / "pkg" / "net.py").write_text(f"import torch.nn as nn\n\nfrom pkg import helper\n\n\n{net}")
    project = Project.for_paths([tmp_path / "pkg"])
    result = rewrite(helper.read_bytes(), helper, Settings(), project)
    assert b"class MixOps(" in result.after
    assert load(result.after)["mix"](torch.ones(2), torch.ones(2)).tolist() == [2.0, 2.0]
