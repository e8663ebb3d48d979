"""Operations and modules in loops: a module a turn where the turns can be counted, else one that says so."""

from __future__ import annotations

import re

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4)


def net(*body: str, extra: str = "", more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in body)
    return f"""

class Net(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.depth = depth
        self.relu = nn.ReLU()
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers.append(nn.Linear(4, 4))
        self.named = nn.ModuleDict({{"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)}})
        self.steps = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        self.stages = nn.ModuleList([nn.ModuleList([nn.Linear(4, 4) for _ in range(n)]) for n in (1, 2)])
{extra}
    def forward(self, x):
{lines}        return x
{more}"""


COUNTED = {
    "list": (
        ["for layer in self.layers:", "    x = x + layer(x)"],
        "self.add = runtime.modules.ModuleList(runtime.modules.EltWiseAdd() for _ in self.layers)",
        "for i, layer in enumerate(self.layers):\n            x = self.add[i](x, layer(x))",
    ),
    "own counter": (
        ["for n, layer in enumerate(self.layers):", "    x = x + layer(x)"],
        "for _ in self.layers)",
        "for n, layer in enumerate(self.layers):\n            x = self.add[n](x, layer(x))",
    ),
    "range": (
        ["for n in range(self.depth):", "    x = x * 2"],
        "for _ in range(self.depth))",
        "for n in range(self.depth):\n            x = self.mul[n](x, 2)",
    ),
    "nobody's counter": (
        ["for _ in range(self.depth):", "    x = x * 2"],
        "for _ in range(self.depth))",
        "for i in range(self.depth):\n            x = self.mul[i](x, 2)",
    ),
    "nobody's counter in a comprehension": (
        ["x = sum([F.relu(x) for _ in range(self.depth)])"],
        "for _ in range(self.depth))",
        "[self.relu2[i](x) for i in range(self.depth)]",
    ),
    "a counter of that name that is read": (
        ["for _ in range(self.depth):", "    x = x * 2", "x = x + _"],
        "for _ in range(self.depth))",
        "for i, _ in enumerate(range(self.depth)):\n            x = self.mul[i](x, 2)",
    ),
    "range from one": (
        ["for n in range(1, len(self.layers)):", "    x = x + self.layers[n](x)"],
        "for _ in range(1, len(self.layers)))",
        "for n in range(1, len(self.layers)):\n            x = self.add[n - 1](x,",
    ),
    "zip": (
        ["for layer, y in zip(self.layers, [x, x, x]):", "    x = layer(x) + y"],
        "for _ in self.layers)",
        "for i, (layer, y) in enumerate(zip(self.layers, [x, x, x])):",
    ),
    "tuples first": (
        ["for (layer, y), (z, _) in zip(zip(self.layers, [x, x, x]), [(x, x)] * 3):", "    x = layer(x) + y + z"],
        "for _ in self.layers)",
        "for i, ((layer, y), (z, _)) in enumerate(zip(zip(self.layers, [x, x, x]), [(x, x)] * 3)):",
    ),
    "reversed": (["for layer in reversed(self.layers):", "    x = x + layer(x)"], "for _ in self.layers)", "enumerate(reversed("),
    "slice": (["for layer in self.layers[1:]:", "    x = x + layer(x)"], "for _ in self.layers[1:])", "enumerate(self.layers[1:])"),
    "items": (["for name, layer in self.named.items():", "    x = x + layer(x)"], "for _ in self.named)", "i, (name, layer) in"),
    "values": (["for layer in self.named.values():", "    x = x + layer(x)"], "for _ in self.named)", "enumerate(self.named.values())"),
    "sequential": (["for step in self.steps:", "    x = F.relu(step(x))"], "runtime.modules.ModuleList(nn.ReLU() for _ in self.steps)", "self.relu2[i]("),
    "comprehension": (
        ["x = sum([F.relu(layer(x)) for layer in self.layers])"],
        "for _ in self.layers)",
        "[self.relu2[i](layer(x)) for i, layer in enumerate(self.layers)]",
    ),
    "a module": (
        ["for layer in self.layers:", "    x = self.relu(layer(x))"],
        "self.relu2 = runtime.modules.ModuleList(runtime.modules.again(self.relu) for _ in self.layers)",
        "x = self.relu2[i](layer(x))",
    ),
    "nested": (
        ["for stage in self.stages:", "    for layer in stage:", "        x = x + layer(x)"],
        "ModuleList(runtime.modules.ModuleList(runtime.modules.EltWiseAdd() for _ in stage) for stage in self.stages)",
        "x = self.add[i][j](x, layer(x))",
    ),
    "two in one": (
        ["for layer in self.layers:", "    x = F.relu(x + layer(x)) * 2"],
        "self.mul = runtime.modules.ModuleList(",
        "x = self.mul[i](self.relu2[i](self.add[i](x, layer(x))), 2)",
    ),
    "the counter's usual name is taken": (
        ["i = 2", "for layer in self.layers:", "    x = x * i + layer(x)"],
        "for _ in self.layers)",
        "for j, layer in enumerate(self.layers):",
    ),
    "break": (
        ["for layer in self.layers:", "    x = x + layer(x)", "    if x.shape[0] > 9:", "        break"],
        "for _ in self.layers)",
        "self.add[i]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_a_module_for_each_turn(name: str) -> None:
    body, made, called = COUNTED[name]
    after = check(net(*body), X)
    on_one_line = re.sub(r"\(\n\s+(.*)\n\s+\)", r"(\1)", after)
    assert made in on_one_line and called in after, after
    model = load(rewritten(HEADER + net(*body)).after)["Net"]()
    assert not check_prepared(model, X).repeated


SHARED = {
    "while": (["while x.abs().max() > 0.1:", "    x = x / 2"], ""),
    "data": (["for row in list(x):", "    x = x + row"], ""),
    "a helper called in a loop that is not counted": (
        ["while x.abs().max() > 0.1:", "    x = self.half(x)"],
        "\n    def half(self, x):\n        return x / 2\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_one_module_for_all_turns(name: str) -> None:
    body, more = SHARED[name]
    source = net(*body, more=more)
    after = check(source, X)
    assert "ModuleList(runtime" not in after
    assert "RW902" in {r.code for r in rewritten(HEADER + source).refusals}


LATER = """
    def grow(self):
        self.layers.append(nn.Linear(4, 4))


class Longer(Net):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(9))
"""


def test_a_list_that_grows_or_is_replaced_later_has_a_module_for_each_turn() -> None:
    result = rewritten(HEADER + net("for layer in self.layers:", "    x = x + layer(x)", more=LATER))
    assert "self.add = runtime.modules.ModuleList(" in result.after.decode() and not result.refusals
    for name in ("Net", "Longer"):
        before, after = load(result.before)[name](), load(result.after)[name]()
        assert_equal_models(before, after, X)
        for model in (before, after):
            torch.manual_seed(5)
            model.grow()
        assert_equal_models(before, after, X)
        assert len(after.add) >= len(after.layers)


DEFERRED = {
    "lambda": "add = lambda t: t + self.relu(x)",
    "function": "def add(t):\n            return t + self.relu(x)",
}  # fmt: skip


@pytest.mark.parametrize("name", DEFERRED)
def test_nested_functions_use_a_module_of_the_object(name: str) -> None:
    source = net(DEFERRED[name], "x = sorted([x], key=add)[0]")
    after = check(source, X)
    assert "self.add(t, self.relu(x))" in after
    assert {r.code for r in rewritten(HEADER + source).refusals} == {"RW908"}


@pytest.mark.parametrize("name", DEFERRED)
def test_what_map_runs_once_has_a_module_of_its_own(name: str) -> None:
    source = net(DEFERRED[name], "x = list(map(add, [x]))[0]")
    assert "self.add(t, self.relu(x))" in check(source, X)
    assert not rewritten(HEADER + source).refusals


def test_a_nested_function_that_hides_the_object_is_left_alone() -> None:
    source = net("f = lambda self: x + 1", "x = f(2)")
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW903"}


def test_a_list_that_became_shorter_or_longer_has_a_module_for_each_turn() -> None:
    result = rewritten(HEADER + net("for layer in self.layers:", "    x = x + layer(x)"))
    before, after = load(result.before)["Net"](), load(result.after)["Net"]()
    for change in (lambda m: m.layers.pop(0), lambda m: [m.layers.insert(0, torch.nn.Linear(4, 4)) for _ in range(3)]):
        change(before), change(after)
        assert_equal_models(before, after, X)
    assert len(after.add) == len(after.layers) == 5
    assert not check_prepared(after, X).repeated


def test_turns_that_a_number_counts_once_it_is_another() -> None:
    result = rewritten(HEADER + net("for stage in range(self.depth):", "    x = x * 2 + F.relu(x)"))
    before, after = load(result.before)["Net"](), load(result.after)["Net"]()
    before.depth = after.depth = 7
    assert_equal_models(before, after, X)
    assert not check_prepared(after, X).repeated


@pytest.mark.parametrize("turns", ["range(self.depth)", "range(1000)"])
def test_loops_of_very_many_turns_share_the_last_of_256_modules(turns: str) -> None:
    source = HEADER + net(f"for _ in {turns}:", "    x = x * 0.99")
    result = rewritten(source)
    before, after = load(result.before)["Net"](), load(result.after)["Net"]()
    before.depth = after.depth = 1000
    assert_equal_models(before, after, X)
    assert len(after.mul) == 256
    assert len(load(result.after)["Net"](1000).mul) == 256


NOT_COUNTED = {
    "one loop": "for i in range(10**9):\n            x = x * 2",
    "two loops": "for i in range(10**9):\n            for j in range(10**9):\n                x = x * 2",
    "their product": "for i in range(100):\n            for j in range(1, 100):\n                x = x * 2",
    "beyond a machine's word": "for i in range(10**10**10):\n            x = x * 2",
    "a list": "for a in [1] * 10**9:\n            x = x * a",
    "steps": "for i in range(10**9, -5, -3):\n            x = x * 2",
    "a module": "for i in range(10**6):\n            x = self.relu(x)",
}


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_loops_that_turn_beyond_reason_share_one_module_and_that_is_said(name: str) -> None:
    source = HEADER + net(NOT_COUNTED[name])
    result = rewritten(source)
    assert [refusal.code for refusal in result.refusals] == ["RW902"]
    added = set(result.after.decode().splitlines()) - set(source.splitlines())
    assert not any("ModuleList" in line or "[i]" in line for line in added)


def test_loops_of_a_fixed_number_of_turns_have_a_list_of_torch() -> None:
    after = check(net("for _ in range(3):", "    x = x * 2"), X)
    assert "self.mul = nn.ModuleList(runtime.modules.EltWiseMult() for _ in range(3))" in after


def test_a_module_that_is_made_in_some_cases_only_serves_all_turns() -> None:
    source = """

class Net(nn.Module):
    def __init__(self, biased=False):
        super().__init__()
        self.biased = biased
        if biased:
            self.bias = nn.Linear(4, 4)
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
            if self.biased:
                x = self.bias(x)
        return x * 2
"""
    for arguments in ((), (True,)):
        assert "again(" not in check(source, X, arguments=arguments)
    assert {r.code for r in rewritten(HEADER + source).refusals} == {"RW902"}


def test_a_module_that_is_made_in_some_cases_only_has_its_handles_in_that_branch() -> None:
    source = """

class Net(nn.Module):
    def __init__(self, depth=1):
        super().__init__()
        self.depth = depth
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(depth))
        if depth > 1:
            self.norm = nn.Sequential(nn.LayerNorm(4), nn.GELU())
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        for _ in range(self.depth - 1):
            x = self.norm(x)
        return self.fc(x) * 2
"""
    for arguments in ((), (3,)):
        after = check(source, X, arguments=arguments)
    assert "            self.norm2 = runtime.modules.ModuleList(\n" in after and "self.norm2[i](x)" in after
    net = load((HEADER + after).encode())["Net"](3)
    assert check_prepared(net, X) and not rewritten(HEADER + source).refusals


def test_a_module_that_a_base_makes_in_some_cases_only_stays_one() -> None:
    source = """

class Base(nn.Module):
    def __init__(self, biased=False):
        super().__init__()
        self.biased = biased
        if biased:
            self.bias = nn.ReLU()


class Net(Base):
    def __init__(self, biased=False):
        super().__init__(biased)
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = self.fc(x) * 2
        return self.bias(self.bias(x)) if self.biased else x
"""
    for arguments in ((), (True,)):
        assert "again(" not in check(source, X, arguments=arguments)
    assert {r.code for r in rewritten(HEADER + source).refusals} == {"RW904"}


def test_what_one_turn_leaves_for_the_next_is_known_there() -> None:
    turn = ["for i, layer in enumerate(self.layers):", "    if i:", "        x = {}", "    kept = layer(x)"]
    for read, written in (("kept + kept", "self.add[i](kept, kept)"), ("len(kept) + x", "self.add[i](len(kept), x)")):
        assert written in check(net(*(line.format(read) for line in turn)), X)


def test_a_list_that_grows_does_not_say_how_often_a_loop_turns() -> None:
    """`runtime.modules.ModuleList([...])` has one member when `__init__` is done, and more once a loop has run."""
    source = """
class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.conv = runtime.modules.ModuleList([runtime.modules.FunctionalConv1d()])
        self.mean = runtime.modules.Mean(dim=-1)
        self.weight = nn.Parameter(torch.ones(2, 1, 3))

    def forward(self, x):
        features = []
        for i, size in enumerate(self.sizes):
            y = self.conv[i](x, self.weight, padding=size)
            features.append(self.share(y[:, 1:]))
            features.append(self.share(y[:, :1]))
        return features

    def share(self, y):
        return self.mean(y)
"""
    assert b"len(self.conv)" not in rewritten("import runtime.modules\n" + HEADER + source).after


_PARTS = """

class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def step(self, x):
        return self.fc(x) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([Part() for _ in range(3)])

    def forward(self, x):
{}
        return x
"""


@pytest.mark.parametrize(
    "loop, is_another",
    [
        ("for part in self.parts:\n            x = part.step(x)", True),
        ("for i, part in enumerate(self.parts):\n            x = part.step(x)", True),
        ("for i in range(len(self.parts)):\n            x = self.parts[i].step(x)", True),
        ("for _ in range(2):\n            for part in self.parts:\n                x = part.step(x)", False),
        ("for part in self.parts:\n            for _ in range(2):\n                x = part.step(x)", False),
        ("for part in self.parts:\n            part = self.parts[0]\n            x = part.step(x)", False),
    ],
)
def test_a_method_of_the_part_that_a_loop_takes_runs_once_for_each(loop: str, is_another: bool) -> None:
    source = f"{HEADER}{_PARTS.format('        ' + loop)}"
    said = {refusal.code for refusal in rewritten(source).refusals}
    assert said == (set() if is_another else {"RW902"})
    check(_PARTS.format("        " + loop), X)


def test_what_is_put_into_a_list_inside_of_a_list_is_in_it() -> None:
    source = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))

    def forward(self, x):
        grid = [[None] * 2 for _ in range(2)]
        for i in range(2):
            for j in range(2):
                grid[i][j] = self.cells[i * 2 + j](x)
        return torch.stack([cell for row in grid for cell in row]).sum(0) - grid[-1][-1]
"""
    assert "return self.sub(self.sum(self.stack([" in check(source, torch.randn(2, 4))
