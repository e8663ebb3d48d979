"""What loops run over: whatever `__init__` can tell the length of, a turn has a module of its own."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)


def net(init: str, forward: str, methods: str = "", before: str = "") -> str:
    return f"""
import copy
{before}

class Net(nn.Module):
    def __init__(self, depth=3, layers=None):
        super().__init__()
        self.depth = depth
{_indented(init)}
    def forward(self, x):
{_indented(forward)}        return x
{methods}"""


def _indented(text: str) -> str:
    return "".join(f"        {line}\n" for line in text.split("\n"))


LAYERS = "self.m = nn.ModuleList([nn.Linear(4, 4) for _ in range(depth)])"
LOOP = "for l in self.m:\n    x = x + l(x)"

ENCODER = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x):
        kept = []
        for layer in self.layers:
            x = layer(x)
            kept.append(x)
        return kept
"""
CLONES = "def clones(module, n):\n    return nn.ModuleList([copy.deepcopy(module) for _ in range(n)])\n"
DROP = "def drop(layers):\n    kept = [layer for layer in layers if layer is not None]\n    return kept\n"
SOME = "def some(layers, n):\n    if n > 1:\n        return layers\n    layers = [l for l in layers if l]\n    return layers\n"
STAGES = "self.stages = nn.ModuleList([nn.ModuleList([nn.Linear(4, 4) for _ in range(n + 1)]) for n in range(2)])"
IN_STAGE = "self.stages = nn.ModuleList([Encoder() for _ in range(2)])"

COUNTED = {
    "clones by a function": (net("self.m = clones(nn.Linear(4, 4), depth)", LOOP, before=CLONES), "for _ in self.m)"),
    "appended in some cases": (
        net("m = [nn.Linear(4, 4)]\nif depth > 2:\n    m.append(nn.Linear(4, 4))\nself.m = nn.ModuleList(m)", LOOP),
        "for _ in self.m)",
    ),
    "made in both branches": (
        net("if depth > 2:\n    self.m = nn.ModuleList([nn.Linear(4, 4)])\nelse:\n    self.m = nn.ModuleList([nn.ReLU()])", LOOP),
        "for _ in self.m)",
    ),
    "made in one branch": (
        net("if depth > 2:\n    self.m = nn.ModuleList([nn.Linear(4, 4)])", f"if self.depth > 2:\n    {LOOP.replace('    ', '        ')}"),
        "for _ in getattr(self, 'm', None) or range(1))",
    ),
    "None in some cases": (
        net("self.m = None\nif depth > 2:\n    self.m = nn.ModuleList([nn.Linear(4, 4)])", f"if self.m:\n    {LOOP.replace('    ', '        ')}"),
        "for _ in getattr(self, 'm', None) or range(1))",
    ),
    "given": (net("self.m = nn.ModuleList(layers or [nn.ReLU()])", LOOP), "for _ in self.m)"),
    "map": (net("self.m = nn.ModuleList(map(lambda i: nn.Linear(4, 4), range(depth)))", LOOP), "for _ in self.m)"),
    "built by a method": (
        net("self._build(depth)", LOOP, f"\n    def _build(self, depth):\n        {LAYERS}\n"),
        "        self._build(depth)\n        self.add = runtime.modules.ModuleList(",
    ),
    "built by a method of a method": (
        net("self.set_up(depth)", LOOP, f"\n    def set_up(self, depth):\n        self.build(depth)\n\n    def build(self, depth):\n        {LAYERS}\n"),
        "        self.set_up(depth)\n        self.add = runtime.modules.ModuleList(runtime.modules.EltWiseAdd() for _ in getattr(self, 'm', None) or range(1))",
    ),
    "what a function returns in two places": (
        net(LAYERS, "for l in some(self.m, self.depth):\n    x = x + l(x)", before=SOME),
        "for _ in self.m)",
    ),
    "lists of modules and of none": (
        net("self.m = nn.ModuleList([nn.ModuleList([None, nn.Linear(4, 4)]) for _ in range(depth)])", "for a, b in self.m:\n    x = x + b(x) if a is None else x"),
        "for _ in self.m)",
    ),
    "children by name": (
        net("for i in range(depth):\n    self.add_module(f'l{i}', nn.Linear(4, 4))", "for i in range(self.depth):\n    x = x + getattr(self, f'l{i}')(x)"),
        "for _ in range(self.depth))",
    ),
    "counted from one": (net(LAYERS, "for i, l in enumerate(self.m, start=1):\n    x = x + l(x) * i"), "self.add[i - 1](x, self.mul[i - 1](l(x), i))"),
    "counted down": (net(LAYERS, "for i in range(len(self.m) - 1, 0, -1):\n    x = x + self.m[i](x)"), "self.add[i - 1](x, self.m[i](x))"),
    "a variable": (net(LAYERS, "ms = self.m\nfor l in ms:\n    x = x + l(x)"), "enumerate(ms)"),
    "its children": (net(LAYERS, "for l in self.m.children():\n    x = x + l(x)"), "for _ in self.m)"),
    "its children by name": (net(LAYERS, "for name, l in self.m.named_children():\n    x = x + l(x)"), "for _ in self.m)"),
    "the rest of an iterator": (net(LAYERS, "it = iter(self.m)\nx = next(it)(x)\nfor l in it:\n    x = x + l(x)"), "for _ in self.m)"),
    "while": (net(LAYERS, "i = 0\nwhile i < len(self.m):\n    x = x + self.m[i](x)\n    i += 1"), "x = self.add[i](x, self.m[i](x))"),
    "what a loop has put into a list": (
        net(LAYERS, "kept = [x]\nfor l in self.m:\n    kept.append(l(kept[-1]))\nx = kept[-1]\nfor y in reversed(kept[:-1]):\n    x = x + y"),
        "for _ in range(1 + len(self.m))[:-1])",
    ),
    "a list that is made anew": (
        net(LAYERS, "ys = []\nfor l in self.m:\n    ys.append(l(x))\nys = [y for y in ys]\nx = sum([y.relu() for y in ys])"),
        "[self.relu[i](y) for i, y in enumerate(ys)]",
    ),
    "backwards over a list": (
        net(LAYERS, "ys = [l(x) for l in self.m]\nx = ys[-1]\nfor i in range(len(ys) - 1, 0, -1):\n    x = x + ys[i - 1]"),
        "x = self.add[i - 1](x, ys[i - 1])",
    ),
    "what a method returns": (
        net(LAYERS, "for l in self._pick():\n    x = x + l(x)", "\n    def _pick(self):\n        return [m for m in self.m]\n"),
        "for _ in self.m)",
    ),
    "what a function returns": (net(LAYERS, "for l in drop(self.m):\n    x = x + l(x)", before=DROP), "for _ in self.m)"),
    "what another module returns": (
        net("self.enc = Encoder()", "kept = self.enc(x)\nfor y in kept[1:]:\n    x = x + y", before=ENCODER),
        "for _ in self.enc.layers[1:])",
    ),
    "chunks": (
        net("self.scale = 2\nself.fc = nn.Linear(2, 2)", "ys = []\nfor y in torch.chunk(x, self.scale, dim=1):\n    ys.append(y * 2)\nx = torch.cat(ys, dim=1)"),
        "for _ in range(self.scale))",
    ),
    "a number with a default": (net("", "for _ in range(getattr(self, 'n', 3)):\n    x = x * 2"), "range(getattr(self, 'n', 3)))"),
    "a number of the file": (net("", "for _ in range(TURNS):\n    x = x * 2", before="TURNS = 4\n"), "for _ in range(TURNS))"),
    "a method that is called in it": (
        net(LAYERS, "for l in self.m:\n    x = self._mix(x, l(x))\nx = self._mix(x, x)", "\n    def _mix(self, x, y):\n        return x + y\n"),
        "for i, l in enumerate(self.m):\n            x = self._mix(x, l(x), call=i + 1)\n        x = self._mix(x, x)",
    ),
    "texts": (net("self.kinds = ['a', 'bb']", "for kind in self.kinds:\n    x = x * len(kind)"), "for _ in self.kinds)"),
    "lists in modules": (net(IN_STAGE, "for s in self.stages:\n    for l in s.layers:\n        x = x + l(x)", before=ENCODER), "for _ in s.layers) for s in self.stages)"),
    "lists by index": (net(STAGES, "for i in range(2):\n    for j in range(len(self.stages[i])):\n        x = x + self.stages[i][j](x)"), "range(len(self.stages[i]))) for i in range(2))"),
    "fewer turns each time": (net("", "for i in range(self.depth):\n    for j in range(self.depth - i):\n        x = x * 2"), "for _ in range(self.depth - i)) for i in range(self.depth))"),
}  # fmt: skip


OPEN = {
    "features that the forward is given": ("for f in x:\n    y = y + f", "for i, f in enumerate(x):\n            y = self.add[i](y, f)"),
    "backwards over them": ("for i in range(len(x) - 2, -1, -1):\n    y = y + x[i]", "y = self.add[i](y, x[i])"),
    "a number of them": ("n = len(x)\nfor i in range(n):\n    y = y + x[i]", "y = self.add[i](y, x[i])"),
    "pieces of a size": ("for f, g in zip(y.split([2, 2], 1), x):\n    y = y + g", "y = self.add[i](y, g)"),
    "the dimensions": ("for i in range(1, y.ndim):\n    y = y + x[0]", "y = self.add[i - 1](y, x[0])"),
    "sizes": ("for size in y.shape[1:]:\n    y = y + size", "y = self.add[i](y, size)"),
    "a method for each": ("for f in x:\n    y = self._mix(y, f)\ny = self._mix(y, y)", "y = self._mix(y, f, call=i + 1)"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_a_list_that_grows_for_turns_that_nobody_can_count(name: str) -> None:
    body, expected = OPEN[name]
    method = "\n    def _mix(self, x, y):\n        return x + y\n"
    source = net("", f"y = x[0]\n{body}\nx = y", method if "_mix" in body else "").replace(
        "(self, x)", "(self, x: list[torch.Tensor])"
    )
    given = [torch.ones(2, 4), torch.ones(2, 1), torch.ones(2, 4)]
    after = check(source, given)
    assert expected in after and "runtime.modules.ModuleList(" in after
    assert not check_prepared(load(rewritten(HEADER + source).after)["Net"](), given).repeated


def test_what_nobody_has_typed_is_a_list_where_it_is_treated_as_one() -> None:
    method = (
        "\n    def _sum(self, xs):\n        y = xs[0]\n        for x in xs:\n            y = y + x\n        return y\n"
    )
    after = check(net("", "x = self._sum(x)", method), [torch.ones(2, 4), torch.ones(2, 1)])
    assert "runtime.modules.ModuleList([runtime.modules.EltWiseAdd()" in after


@pytest.mark.parametrize("name", COUNTED)
def test_a_module_for_each_turn(name: str) -> None:
    source, expected = COUNTED[name]
    after = check(source, X)
    assert "".join(expected.split()) in "".join(after.split()), after
    found = check_prepared(load(rewritten(HEADER + source).after)["Net"](), X)
    assert not found.repeated and not found.raw and not rewritten(HEADER + source).refusals, found


@pytest.mark.parametrize("name", ["made in one branch", "None in some cases", "built by a method"])
def test_an_object_without_the_list_can_be_made(name: str) -> None:
    check(COUNTED[name][0], X, arguments=(1,))


SHARED = {
    "the steps of a recurrence": net("", "for step in x.unbind(1):\n    x = x + step[:, None]"),
    "as many steps as there are columns": net("", "for i in range(x.shape[1]):\n    x = x + x[:, i:i + 1]"),
    "the rows of a tensor": net("", "for row in x:\n    x = x + row"),
    "a list that others fill": net("self.hooks = []", "for hook in self.hooks:\n    x = x + hook(x)"),
    "modules that others fill in": net("self.m = nn.ModuleList()", LOOP),
    "a name that means something else in __init__": net(
        "TURNS = depth\nself.fc = nn.Linear(TURNS, 4)", "for _ in range(TURNS):\n    x = x * 2", before="TURNS = 4\n"
    ),
}  # fmt: skip


PARTS = """
    def _parts(self):
        if self.depth == 1:
            return nn.Identity()
        return nn.ModuleList([nn.ModuleList([nn.Linear(4, 4) for _ in range(n + 1)]) for n in range(self.depth)])
"""
GROWING = {
    "a list of lists, or a module that is none": net(
        "self.act = nn.ReLU()\nself.m = self._parts()",
        "if self.depth == 1:\n    return x\nfor ms in self.m:\n    y = None\n    for m in ms:\n        y = m(x) if y is None else y + m(x)\n    x = self.act(y)",
        PARTS,
    ),
    "a variable that is set in a loop": net(LAYERS, "ys = self.m\nfor _ in range(2):\n    for y in ys:\n        x = x + y(x)\n    ys = [y for y in self.m if y]"),
    "a method that a subclass replaces": net(
        LAYERS,
        "for l in self._pick():\n    x = x + l(x)",
        "\n    def _pick(self):\n        return [m for m in self.m]\n\n\nclass More(Net):\n    def _pick(self):\n        return [*self.m, *self.m]\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWING)
def test_lists_of_modules_that_may_be_others_when_they_run(name: str) -> None:
    assert "runtime.modules.ModuleList([runtime" in check(GROWING[name], X)


def test_each_turn_has_its_module_where_a_list_may_be_another_module() -> None:
    source = GROWING["a list of lists, or a module that is none"]
    after = check(source, X, arguments=(1,)) if "self.add" in check(source, X) else ""
    assert "self.add[i][j](y, m(x))" in after
    assert not check_prepared(load(rewritten(HEADER + source).after)["Net"](), X).repeated


@pytest.mark.parametrize("name", SHARED)
def test_one_module_for_all_turns(name: str) -> None:
    source = SHARED[name]
    assert "ModuleList(runtime" not in check(source, X)
    assert "RW902" in {r.code for r in rewritten(HEADER + source).refusals}


WITHOUT_A_NUMBER = """

def exists(value):
    return value is not None


class Net(nn.Module):
    def __init__(self, depth=None):
        super().__init__()
        self.depth = depth
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = x * 2
        if exists(self.depth):
            for _ in range(self.depth - 1):
                x = self.fc(x) + 1
        return x
"""


@pytest.mark.parametrize("depth", [None, 1, 4])
def test_a_number_that_is_none_unless_somebody_says_it_is_not_read_by_init(depth: int | None) -> None:
    after = check(WITHOUT_A_NUMBER, X, arguments=(depth,))
    assert "self.add = runtime.modules.ModuleList([runtime.modules.EltWiseAdd()])" in after
    assert "range(self.depth - 1))" not in after


def test_a_number_that_is_put_in_its_place_is_read_by_init() -> None:
    source = WITHOUT_A_NUMBER.replace("self.depth = depth", "depth = depth or 3\n        self.depth = depth")
    assert "runtime.modules.EltWiseAdd() for _ in range(self.depth - 1))" in check(source, X)
