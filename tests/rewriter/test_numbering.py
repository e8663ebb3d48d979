"""Methods that a forward calls from several places: before and after, executed."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4, 4, 4)


def net(*forward: str, method: str = "def _mix(self, x, y):", more: str = "") -> str:
    body = "".join(f"        {line}\n" for line in forward)
    return f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.relu = nn.ReLU()

    {method}
        return self.relu(F.interpolate(x, size=y.shape[2:])) + y

    def forward(self, x):
{body}{more}"""


NUMBERED = {
    "in a row": (
        net("x = self._mix(x, x)", "x = self._mix(x, self.conv(x))", "return self._mix(x, x)"),
        ["x = self._mix(x, x)\n", "self._mix(x, self.conv(x), call=1)", "self._mix(x, x, call=2)"],
    ),
    "inside each other": (
        net("return self._mix(self._mix(x, x), x * 2)"),
        ["self._mix(self._mix(x, x), self.mul(x, 2), call=1)"],
    ),
    "on two of three branches": (
        net("if x.shape[0] > 1:", "    x = self._mix(x, x)", "else:", "    x = self._mix(x, -x)", "return self._mix(x, x)"),
        ["self._mix(x, x)\n", "self._mix(x, self.neg(x), call=1)", "self._mix(x, x, call=2)", "for _ in range(3)"],
    ),
    "over several lines": (
        net("x = self._mix(x, x)", "return self._mix(", "    x,", "    self.conv(x),  # the other", ")"),
        ["            self.conv(x),  # the other\n            call=1,\n        )"],
    ),
    "by keyword, typed": (
        net("x = self._mix(x=x, y=x)", "return self._mix(y=x, x=x)", method="def _mix(self, x: Tensor, y: Tensor) -> Tensor:"),
        ["y: Tensor, *, call: int = 0) -> Tensor:", "self._mix(y=x, x=x, call=1)"],
    ),
    "a name that is taken": (
        net("call = self._mix(x, x)", "return self._mix(call, x)", method="def _mix(self, x, y, call=None):"),
        ["call=None, *, nth=0)", "self._mix(call, x, nth=1)"],
    ),
}  # fmt: skip


THROUGH = {
    "in a loop": (
        net("for _ in range(2):", "    x = self._mix(x, x)", "return self._mix(x, x)"),
        ["for i in range(2):\n            x = self._mix(x, x, call=i)\n        return self._mix(x, x, call=2)", "for _ in range(3))"],
    ),
    "in a loop alone": (net("for _ in range(2):", "    x = self._mix(x, x)", "return x"), ["self._mix(x, x, call=i)"]),
    "in two loops": (
        net("for _ in range(2):", "    x = self._mix(x, x)", "for _ in range(3):", "    x = self._mix(x, x)", "return x"),
        ["self._mix(x, x, call=i)", "self._mix(x, x, call=i + 2)", "for _ in range(5))"],
    ),
    "in a comprehension": (
        net("return sum([self._mix(y, y) for y in x.chunk(2)])"), ["[self._mix(y, y, call=i) for i, y in enumerate(self.chunk(x))]"]
    ),
    "through another method": (
        net("return self._twice(self._twice(x))", more="\n    def _twice(self, x):\n        return self._mix(x, x)\n"),
        ["self._twice(self._twice(x), call=1)", "def _twice(self, x, *, call=0):\n        return self._mix(x, x, call=call)"],
    ),
    "twice through another method": (
        net("return self._twice(self._twice(x))", more="\n    def _twice(self, x):\n        return self._mix(self._mix(x, x), x)\n"),
        ["return self._mix(self._mix(x, x, call=call), x, call=call + 2)", "for _ in range(4))"],
    ),
    "through another method, and itself": (
        net("return self._mix(self._once(x), x)", more="\n    def _once(self, x):\n        return self._mix(x, x) * 2\n"),
        ["return self._mix(self._once(x), x, call=1)", "return self.mul(self._mix(x, x), 2)"],
    ),
    "in a loop of another method": (
        net("return self._all(self._all(x))", more="\n    def _all(self, x):\n        for _ in range(3):\n            x = self._mix(x, x)\n        return x\n"),
        ["x = self._mix(x, x, call=2 * i + call)", "for _ in range(6))"],
    ),
    "with a loop of its own": (
        net("return self._rep(self._rep(x))", more="\n    def _rep(self, x):\n        for _ in range(3):\n            x = x * 2\n        return x\n"),
        ["x = self.mul[call][i](x, 2)", "for _ in range(3)) for _ in range(2))"],
    ),
    "public, so that others may override it": (
        net("return self._mix(self._mix(x, x), x)").replace("_mix", "mix"),
        ["return runtime.modules.nth(self.mix, 1)(self.mix(x, x), x)", "def mix(self, x, y, *, call=0):"],
    ),
    "public, in a loop": (
        net("for _ in range(3):", "    x = self._mix(x, x)", "return x").replace("_mix", "mix"),
        ["x = runtime.modules.nth(self.mix, i)(x, x)"],
    ),
}  # fmt: skip
NUMBERED |= THROUGH


@pytest.mark.parametrize("name", NUMBERED)
def test_each_call_has_modules_of_its_own(name: str) -> None:
    source, expected = NUMBERED[name]
    after = check(source, X)
    assert all(text in after for text in expected), after
    result = rewritten(HEADER + source)
    found = check_prepared(load(result.after)["Net"](), X)
    assert not found.raw and not found.repeated and not result.refusals, found


def test_the_written_form() -> None:
    after = check(net("return self._mix(self._mix(x, x), x)"), X)
    assert (
        "        self.relu2 = runtime.modules.ModuleList(runtime.modules.again(self.relu) for _ in range(2))\n" in after
    )
    assert "    def _mix(self, x, y, *, call=0):\n" in after
    assert "return self.add[call](self.relu2[call](self.interpolate[call](x, size=y.shape[2:])), y)" in after


def test_other_callers_go_on() -> None:
    result = rewritten(HEADER + net("return self._mix(self._mix(x, x), x)"))
    before, after = load(result.before)["Net"](), load(result.after)["Net"]()
    assert torch.equal(after._mix(X, X), before._mix(X, X))


SHARED = {
    "in a lambda": net("f = lambda t: self._mix(t, x)", "return f(self._mix(x, x))"),
    "in a loop that is not counted": net("while x.sum() > 1e9:", "    x = self._mix(x, x)", "return self._mix(x, x)"),
    "any keyword, in a loop that is not counted": net(
        "while x.sum() > 1e9:", "    x = self.mix(x, x)", "return x", method="def mix(self, x, y, **kwargs):"
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_one_module_for_all_calls_and_says_so(name: str) -> None:
    source = SHARED[name]
    result = rewritten(HEADER + source)
    assert_equal_models(load(result.before)["Net"](), load(result.after)["Net"](), X)
    assert b"[call]" not in result.after and {r.code for r in result.refusals} == {"RW902"}


AGAIN = {
    "overridden by one with a number of its own": (
        net(
            "return self._mix(self._mix(x, x), x)",
            more="\n\nclass Sub(Net):\n    def _mix(self, x, y, *, call=0):\n        return x\n",
        ),
        ["return self.again(self._mix)(self._mix(x, x), x)", 'self.again = runtime.modules.RunAgain(self, "_mix")'],
    ),
    "decorated": (
        net("return self._mix(self._mix(x, x), x)", method="@torch.no_grad()\n    def _mix(self, x, y):"),
        ["return self.again(self._mix)(self._mix(x, x), x)"],
    ),
    "handed on": (
        net("return self._mix(self._mix(x, x), x)", more="\n    def mixer(self):\n        return self._mix\n"),
        ["return self.again(self._mix)(self._mix(x, x), x)"],
    ),
    "takes any keyword": (
        net("return self.mix(self.mix(x, x), x)", method="def mix(self, x, y, **kwargs):"),
        ["return self.again(self.mix)(self.mix(x, x), x)"],
    ),
    "takes any keyword, in a loop": (
        net("for _ in range(3):", "    x = self.mix(x, y=x)", "return x", method="def mix(self, x, y, **kwargs):"),
        ["for i in range(3):", "x = self.again[i](self.mix)(x, y=x)"],
    ),
    "through a decorated one": (
        net(
            "return self._twice(self._twice(x))",
            more="\n    @torch.no_grad()\n    def _twice(self, x):\n        return self._mix(x, x)\n",
        ),
        ["return self.again(self._twice)(self._twice(x))"],
    ),
    "in a method that is told its own number": (
        net(
            "return self._twice(self._twice(x))",
            method="def mix(self, x, y, **kwargs):",
            more="\n    def _twice(self, x):\n        return self.mix(x, x)\n",
        ),
        ["def _twice(self, x, *, call=0):\n        return self.again[call](self.mix)(x, x)"],
    ),
    "through what passes on whatever it is given": (
        net(
            "x = self.run(x=x, y=x)",
            "return self.run(x=x, y=x) + self.mix(x, x)",
            method="def mix(self, x, y):",
            more="\n    def run(self, **given):\n        return self.mix(**given) * 2\n",
        ),
        ["self.again(self.run)(x=x, y=x)"],
    ),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_method_that_takes_no_number_runs_on_modules_of_its_own(name: str) -> None:
    source, expected = AGAIN[name]
    after = check(source, X)
    assert all(text in after for text in expected), after
    result = rewritten(HEADER + source)
    found = check_prepared(load(result.after)["Net"](), X)
    assert not found.raw and not found.repeated and not result.refusals, found


FROM_BELOW = """
class Base(nn.Module):
    def mix(self, x, y):
        return torch.relu(x) + y


class Net(Base):
    def __init__(self, steps: int = 3):
        super().__init__()
        self.steps = steps

    def forward(self, x):
        for _ in range(self.steps):
            x = self.mix(x, x)
        return x


class Twice(Base):
    def forward(self, x):
        return self.mix(self.mix(x, x), x)
"""


def test_a_loop_of_a_class_below_runs_the_method_on_modules_of_its_own() -> None:
    after = check(FROM_BELOW, X)
    assert "x = self.again[i](self.mix)(x, x)" in after
    assert "return runtime.modules.nth(self.mix, 1)(self.mix(x, x), x)" in after
    result = rewritten(HEADER + FROM_BELOW)
    for name in ("Net", "Twice"):
        model = load(result.after)[name]()
        assert_equal_models(load(result.before)[name](), model, X)
        assert not check_prepared(model, X).repeated


def test_what_the_method_calls_beside_what_the_forward_calls_has_one_module_more() -> None:
    source = net(
        "x = self.relu(x)",
        "for _ in range(2):",
        "    x = self.mix(x, y=x)",
        "return x",
        method="def mix(self, x, y, **kwargs):",
    )
    after = check(source, X)
    assert "return self.add(self.relu2(self.interpolate(x, size=y.shape[2:])), y)" in after
    result = rewritten(HEADER + source)
    assert not check_prepared(load(result.after)["Net"](), X).repeated and not result.refusals


SIGNATURES = """
from inspect import signature


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.wanted = [*signature(self.message).parameters]

    def propagate(self, **given):
        return self.collect(self.message(**{name: given[name] for name in self.wanted}))

    def message(self, x):
        return x

    def collect(self, x):
        return self.relu(x) + 1


class Net(Base):
    def __init__(self, steps: int = 3):
        super().__init__()
        self.steps = steps

    def forward(self, x):
        for _ in range(self.steps):
            x = self.propagate(x=x, w=x)
        return x

    def message(self, x: Tensor, w: Tensor):
        return x * w
"""


def test_what_is_asked_what_it_takes_stays_as_it_is_and_has_modules_of_its_own() -> None:
    after = check(SIGNATURES, X)
    assert "x = self.again[i](self.propagate)(x=x, w=x)\n" in after
    assert 'runtime.modules.RunAgain(self, "propagate") for _ in range(self.steps)' in after
    assert "return self.mul(x, w)\n" in after and "return self.add(self.relu(x), 1)\n" in after
    result = rewritten(HEADER + SIGNATURES)
    model = load(result.after)["Net"]()
    assert not check_prepared(model, X).repeated and not result.refusals
    model.steps = 5
    before = load(result.before)["Net"](5)
    assert_equal_models(before, model, X)


def test_what_runs_on_modules_of_its_own_may_run_others_on_modules_of_their_own() -> None:
    source = net(
        "for _ in range(2):",
        "    x = self.twice(x=self.twice(x=x))",
        "return x",
        method="def mix(self, x, y, **kwargs):",
        more="\n    def twice(self, **given):\n        x = given['x']\n        return self.mix(self.mix(x, x), x)\n",
    )
    after = check(source, X)
    assert "x = self.again3[i](self.twice)(x=self.again[i](self.twice)(x=x))" in after
    assert "return self.again2(self.mix)(self.mix(x, x), x)" in after
    result = rewritten(HEADER + source)
    assert not check_prepared(load(result.after)["Net"](), X).repeated and not result.refusals


def test_a_private_method_that_a_subclass_overrides_is_told_as_a_public_one_is() -> None:
    sub = "\n\nclass Sub(Net):\n    def _mix(self, x, y):\n        return super()._mix(y, x) * 2\n"
    result = rewritten(HEADER + net("return self._mix(self._mix(x, x), x)", more=sub))
    text = result.after.decode()
    assert "runtime.modules.nth(self._mix, 1)(" in text and not result.refusals
    assert "return self.mul[call](runtime.modules.nth(super()._mix, call)(y, x), 2)" in text
    for name in ("Net", "Sub"):
        assert_equal_models(load(result.before)[name](), load(result.after)[name](), X)


def test_a_subclass_elsewhere_that_overrides_a_public_method_goes_on() -> None:
    source = net("return self._mix(self._mix(x, x), x)").replace("_mix", "mix")
    result = rewritten(HEADER + source)
    models = []
    for code in (result.before, result.after):
        base = load(code)["Net"]
        other = type("Other", (base,), {"mix": lambda self, x, y, mix=base.mix: mix(self, y, x) * 2})()
        patched = base()
        patched.mix = lambda x, y: x - y
        models.append((other, patched))
    for before, after in zip(*models, strict=True):
        assert_equal_models(before, after, X)


BELOW = """
class Base(nn.Module):
    def mix(self, x, y):
        return torch.relu(x) + y


class Net(Base):
    def forward(self, x):
        return self.mix(self.mix(x, x), x)


class Further(Net):
    def forward(self, x):
        return self.mix(super().forward(x), x)


class Other(Net):
    def mix(self, x, y):
        return super().mix(y, x) * 2
"""


def test_calls_of_a_method_of_a_base_are_told_apart_by_the_classes_below() -> None:
    result = rewritten(HEADER + BELOW)
    text = result.after.decode()
    assert "    def mix(self, x, y, *, call=0):\n        return self.add[call](self.relu[call](x), y)\n" in text
    assert "self.add = runtime.modules.ModuleList([runtime.modules.EltWiseAdd()])\n" in text
    assert "return runtime.modules.nth(self.mix, 1)(self.mix(x, x), x)\n" in text
    assert "return runtime.modules.nth(self.mix, 2)(super().forward(x), x)\n" in text
    assert "return self.mul[call](runtime.modules.nth(super().mix, call)(y, x), 2)\n" in text
    for name in ("Net", "Further", "Other"):
        model = load(result.after)[name]()
        assert_equal_models(load(result.before)[name](), model, X)
        assert not check_prepared(model, X).repeated


def test_a_call_with_a_comment_inside_is_not_told() -> None:
    commented = BELOW.replace(
        "self.mix(self.mix(x, x), x)", "self.mix(\n            self.mix(x, x),  # once\n            x,\n        )"
    )
    result = rewritten(HEADER + commented)
    assert result.failure is None and b"nth(self.mix, 1)" not in result.after
    assert_equal_models(load(result.before)["Net"](), load(result.after)["Net"](), X)


def test_calls_that_exclude_each_other_need_no_number() -> None:
    after = check(net("if x.shape[0] > 1:", "    return self._mix(x, x)", "return self._mix(x, -x)"), X)
    assert "call" not in after


def test_an_override_that_others_call_as_well_is_not_told_later_either() -> None:
    source = """
class Root(nn.Module):
    def pre(self, x):
        return x * 2

    def post(self, x):
        return torch.relu(x)

    def forward(self, x):
        return self.post(self.pre(x)) + self.pre(x)


class Net(Root):
    def pre(self, x):
        return super().pre(x) - 1

    def post(self, x):
        return self.pre(super().post(x))
"""
    after = check(source, torch.randn(2, 4))
    assert "def pre(self, x, *, call=0):" in after and "return self.sub(super().pre(x), 1)" in after
