"""Members of lists of modules that a forward calls again: before and after, executed."""

from __future__ import annotations

import pytest
import torch

from runtime.inspect import check_prepared
from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4)

BLOCK = """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return torch.relu(self.fc(x)) + x
"""


def net(*forward: str, made: str = "nn.ModuleList([Block() for _ in range(2)])", more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in forward)
    return f"""{BLOCK}

class Net(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.depth = depth
        self.layers = {made}
{more}
    def forward(self, x):
{lines}        return x
"""


AGAIN = {
    "in a second loop": (
        net("for layer in self.layers:", "    x = layer(x)", "for layer in self.layers:", "    x = layer(x)"),
        "for i, layer in enumerate(self.layers):\n            x = self.layers2[i](x)\n",
    ),
    "twice in a turn": (
        net("for layer in self.layers:", "    x = layer(layer(x))"),
        "for i, layer in enumerate(self.layers):\n            x = self.layers2[i](layer(x))\n",
    ),
    "with a counter": (
        net("for n, layer in enumerate(self.layers):", "    x = layer(layer(x)) * n"),
        "x = self.mul[n](self.layers2[n](layer(x)), n)\n",
    ),
    "by index": (
        net("for n in range(self.depth):", "    x = self.layers[n](self.layers[n](x))"),
        "x = self.layers2[n](self.layers[n](x))\n",
    ),
    "in comprehensions": (
        net("x = sum([layer(x) for layer in self.layers])", "x = sum([layer(x) for layer in self.layers])"),
        "self.sum2([self.layers2[i](x) for i, layer in enumerate(self.layers)])\n",
    ),
    "of pairs, filled later": (
        net(
            "for first, second in self.layers:",
            "    x = second(first(x))",
            "    x = second(first(x))",
            made="nn.ModuleList([])",
            more="        for _ in range(depth):\n            self.layers.append(nn.ModuleList([Block(), nn.ReLU()]))\n",
        ),
        "x = self.layers2[i][1](self.layers2[i][0](x))\n",
    ),
    "beside what nobody sees": (
        net(
            "for first, second in self.layers:",
            "    x = second(first(first(x)))",
            made="nn.ModuleList()",
            more="        for _ in range(depth):\n            self.layers.append(nn.ModuleList([Block(), build()]))\n",
        ).replace("class Net", "def build():\n    return getattr(nn, 'Identity')()\n\n\nclass Net"),
        "x = second(self.layers2[i][0](first(x)))\n",
    ),
    "made by what nobody sees": (
        net("for layer in self.layers:", "    x = layer(layer(x))", made="build(depth)").replace(
            "class Net",
            "def build(depth):\n    return nn.ModuleList(map(lambda _: Block(), range(depth)))\n\n\nclass Net",
        ),
        "x = self.layers2[i](layer(x))\n",
    ),
    "that store something": (
        net("for layer in self.layers:", "    x = layer(layer(x))").replace(
            "return torch.relu", "self.seen = x.shape\n        return torch.relu"
        ),
        "x = self.layers2[i](layer(x))\n",
    ),
}


@pytest.mark.parametrize("name", AGAIN)
def test_each_call_has_modules_of_its_own(name: str) -> None:
    source, expected = AGAIN[name]
    after = check(source, X)
    assert expected in after, after
    assert after.count("self.layers2 = runtime.modules.again(self.layers, parts=True)\n") == 1
    result = rewritten(HEADER + source)
    found = check_prepared(load(result.after)["Net"](), X)
    assert not found.raw and not found.repeated, found
    keys = [list(load(code)["Net"]().state_dict()) for code in (result.before, result.after)]
    assert keys[0] == keys[1]


PAIRS = {
    "made": "nn.ModuleList([])",
    "more": "        for _ in range(depth):\n            self.layers.append(nn.ModuleList([Block(), nn.ReLU()]))\n",
}
NESTED = {
    "in a loop around": (
        net("for _ in range(3):", "    for layer in self.layers:", "        x = layer(layer(x))"),
        "x = self.layers3[i][j](self.layers2[i][j](x))\n",
    ),
    "in a loop inside": (
        net("for layer in self.layers:", "    for n in range(3):", "        x = layer(x) * n"),
        "x = self.mul[i][n](self.layers2[n][i](x), n)\n",
    ),
    "by index": (
        net("for _ in range(self.depth):", "    for i in range(2):", "        x = self.layers[i](x)"),
        "x = self.layers2[j][i](x)\n",
    ),
    "pairs": (
        net("for _ in range(2):", "    for first, second in self.layers:", "        x = second(first(x))", **PAIRS),
        "x = self.layers2[i][j][1](self.layers2[i][j][0](x))\n",
    ),
    "one activation twice": (
        net(
            "for _ in range(2):",
            "    for layer in self.layers:",
            "        x = layer(x)",
            made="nn.ModuleList([nn.ReLU()] * 3)",
        ),
        "x = self.layers2[i][j](x)\n",
    ),
    "added lists": (
        net(
            "for _ in range(2):",
            "    for layer in self.layers:",
            "        x = layer(x)",
            made="nn.ModuleList([nn.ReLU(), nn.Tanh()] + [Block() for _ in range(depth)])",
        ),
        "x = self.layers2[i][j](x)\n",
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_each_turn_of_a_loop_beside_it_has_handles(name: str) -> None:
    source, expected = NESTED[name]
    after = check(source, X)
    assert expected in after, after
    result = rewritten(HEADER + source)
    found = check_prepared(load(result.after)["Net"](), X)
    assert not found.raw and not found.repeated and not result.refusals, found


PLAIN = ("[Block(), nn.ReLU()]", "(nn.ReLU(), nn.Tanh())", "[nn.ReLU() for _ in range(depth)]")


@pytest.mark.parametrize("made", PLAIN)
def test_members_of_a_plain_list_are_said(made: str) -> None:
    """It is no module, for which a handle could stand."""
    source = net("for _ in range(2):", "    for layer in self.layers:", "        x = layer(x) + 1", made=made)
    assert "again(self.layers" not in check(source, X)
    assert "is called in a loop" in " ".join(r.message for r in rewritten(HEADER + source).refusals)


def test_members_that_come_later_run_in_each_turn() -> None:
    result = rewritten(HEADER + NESTED["pairs"][0])
    models = []
    for code in (result.before, result.after):
        names = load(code)
        torch.manual_seed(0)
        model = names["Net"]()
        model.layers.append(torch.nn.ModuleList([names["Block"](), torch.nn.Tanh()]))
        model.layers[0][0] = torch.nn.Linear(4, 4)
        models.append(model)
    assert_equal_models(*models, X)


SAID = {
    "some in a loop around": net("for _ in range(3):", "    for layer in self.layers[1:]:", "        x = layer(x)"),
    "of a list in a list": net(
        "for layers in self.layers:",
        "    for layer in layers:",
        "        for _ in range(3):",
        "            x = layer(x)",
        made="nn.ModuleList([nn.ModuleList([Block()])])",
    ),
    "as often as it takes": net("while x.sum() < 0:", "    for layer in self.layers:", "        x = layer(x) + 5"),
    "by a method that a loop calls": net("for _ in range(3):", "    x = self.all(x)")
    + "\n    def all(self, x):\n        for layer in self.layers:\n            x = layer(x)\n        return x\n",
    "from the last on": net("for layer in reversed(self.layers):", "    x = layer(layer(x))"),
}


@pytest.mark.parametrize("name", SAID)
def test_one_module_for_all_calls_and_says_so(name: str) -> None:
    result = rewritten(HEADER + SAID[name])
    assert_equal_models(load(result.before)["Net"](), load(result.after)["Net"](), X)
    assert b"layers2" not in result.after and {r.code for r in result.refusals} == {"RW902"}


APART = {
    "parts of the list in turn": net(
        "for i in range(2):", "    for layer in self.layers[i : i + 1]:", "        x = layer(x)"
    ),
    "parts that begin where a turn says": net(
        "for i in range(2):", "    n = i * 1", "    for layer in self.layers[n : n + 1]:", "        x = layer(x)"
    ),
    "lists in the list": net(
        "for layers in self.layers:",
        "    for layer in layers:",
        "        x = layer(x)",
        made="nn.ModuleList([nn.ModuleList([Block()])])",
    ),
    "parts of the list": net(
        "for layer in self.layers[:1]:", "    x = layer(x)", "for layer in self.layers[1:]:", "    x = layer(x)"
    ),
    "ranges": net(
        "for i in range(0, 1):", "    x = self.layers[i](x)", "for i in range(1, 2):", "    x = self.layers[i](x)"
    ),
    "branches": net(
        "if x.shape[0] > 1:",
        "    for layer in self.layers:",
        "        x = layer(x)",
        "else:",
        "    for layer in self.layers:",
        "        x = layer(x) * 2",
    ),
}


@pytest.mark.parametrize("name", APART)
def test_what_runs_once_needs_no_handle(name: str) -> None:
    after = check(APART[name], X)
    assert "layers2" not in after and not rewritten(HEADER + APART[name]).refusals


def test_members_that_come_or_are_replaced_later_run_in_all_places() -> None:
    result = rewritten(HEADER + AGAIN["of pairs, filled later"][0])
    models = []
    for code in (result.before, result.after):
        names = load(code)
        torch.manual_seed(0)
        model = names["Net"]()
        model.layers.append(torch.nn.ModuleList([names["Block"](), torch.nn.Tanh()]))
        model.layers[0][0] = torch.nn.Linear(4, 4)
        models.append(model)
    assert_equal_models(*models, X)


def test_compiled_traced_and_exported() -> None:
    model = load(rewritten(HEADER + AGAIN["of pairs, filled later"][0]).after)["Net"]()
    expected = model(X)
    assert torch.equal(torch.fx.symbolic_trace(model)(X), expected)
    assert torch.equal(torch.compile(model, backend="eager", fullgraph=True)(X), expected)
    assert torch.equal(torch.export.export(model, (X,)).module()(X), expected)
    assert torch.equal(torch.jit.trace(model, (X,))(X), expected)


NORMED = """
from torch.nn import utils
from torch.nn.utils import parametrizations


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([{norm}(nn.Linear(4, 4)), nn.Linear(4, 4)])

    def forward(self, x):
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([Part() for _ in range(2)])

    def forward(self, x, y):
        found = []
        for part in self.parts:
            found.append(part(x))
            found.append(part(y))
        return found
"""


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("by", ["utils.{}", "parametrizations.{}"])
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_layers_whose_weight_is_computed_before_each_call(by: str, name: str) -> None:
    source = NORMED.replace("{norm}", by.format(name))
    after = check(source, X, X + 1)
    assert "self.parts2 = runtime.modules.again(self.parts, parts=True)" in after
    if by == "utils.{}" and name == "weight_norm":
        before, new = (load(text.encode())["Net"]().eval() for text in (HEADER + source, after))
        new.load_state_dict(before.state_dict())
        for model in (before, new):
            for part in model.parts:
                torch.nn.utils.remove_weight_norm(part.layers[0])
        assert_equal_models(before, new, X, X + 1)
