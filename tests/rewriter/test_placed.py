"""One module in several places: before and after, executed."""

from __future__ import annotations

import ast

import pytest
import torch
from torch import nn

from rewriter.engine import rewrite
from rewriter.python.placements import Reader, Reads
from rewriter.python.project import Project
from rewriter.settings import Settings
from runtime.inspect import check_prepared
from runtime.modules import own
from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)


def net(*init: str, before: str = "", parameters: str = "", forward: str = "self.seq(x)") -> str:
    lines = "".join(f"        {line}\n" for line in init)
    return (
        f"{before}\n\nclass Net(nn.Module):\n    def __init__(self{parameters}):\n        super().__init__()\n{lines}\n"
        f"    def forward(self, x):\n        return {forward}\n"
    )


BLOCK = """
class Block(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.act = act

    def forward(self, x):
        return self.act(self.linear(x))
"""

YOLO = """
class Conv(nn.Module):
    default_act = nn.SiLU()

    def __init__(self, act=True):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.act = self.default_act if act is True else act if isinstance(act, nn.Module) else nn.Identity()

    def forward(self, x):
        return self.act(self.linear(x))
"""

PLACED = {
    "twice in a Sequential": (
        net("act = nn.ReLU()", "self.seq = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act)"),
        "nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), nn.ReLU())",
    ),
    "given to two children": (
        net("act = nn.ReLU(inplace=True)", "self.a = Block(act)", "self.b = Block(act)", before=BLOCK, forward="self.b(self.a(x))"),
        "self.a = Block(act)\n        self.b = Block(nn.ReLU(inplace=True))",
    ),
    "in a loop": (
        net("act = nn.ReLU()", "layers = []", "for _ in range(2):", "    layers += [nn.Linear(4, 4), act]", "self.seq = nn.Sequential(*layers)"),
        "layers += [nn.Linear(4, 4), runtime.modules.own(act)]",
    ),
    "in a comprehension": (
        net("act = nn.GELU()", "self.seq = nn.Sequential(*[Block(act) for _ in range(2)])", before=BLOCK),
        "[Block(runtime.modules.own(act)) for _ in range(2)]",
    ),
    "a list many times": (net("self.seq = nn.Sequential(*[nn.Tanh()] * 3)"), "nn.Sequential(*[nn.Tanh() for _ in range(3)])"),
    "an attribute": (
        net("self.act = nn.ReLU()", "self.seq = nn.Sequential(nn.Linear(4, 4), self.act)", forward="self.act(self.seq(x))"),
        "nn.Sequential(nn.Linear(4, 4), nn.ReLU())",
    ),
    "an attribute that only names it": (
        net("self.act = nn.ReLU()", "self.a = Block(self.act)", "self.b = Block(self.act)", before=BLOCK, forward="self.b(self.a(x))"),
        "self.a = Block(self.act)\n        self.b = Block(nn.ReLU())",
    ),
    "one of two attributes": (
        net("self.act = nn.ReLU()", "self.other = nn.Tanh() if fast else self.act", parameters=", fast=False", forward="self.other(self.act(x))"),
        "self.other = nn.Tanh() if fast else nn.ReLU()",
    ),
    "a class that a parameter chose": (
        net("act = act_layer()", "self.seq = nn.Sequential(act, nn.Linear(4, 4), act)", parameters=", act_layer=nn.ReLU"),
        "nn.Sequential(act, nn.Linear(4, 4), runtime.modules.own(act))",
    ),
    "either of two": (
        net("act = nn.ReLU() if fast else nn.GELU()", "self.seq = nn.Sequential(act, nn.Linear(4, 4), act)", parameters=", fast=True"),
        "nn.Sequential(act, nn.Linear(4, 4), runtime.modules.own(act))",
    ),
    "a class of the project": (
        net(
            "act = Swish()",
            "self.seq = nn.Sequential(act, nn.Linear(4, 4), act)",
            before="class Swish(nn.Module):\n    def forward(self, x):\n        return x * torch.sigmoid(x)\n",
        ),
        "nn.Sequential(act, nn.Linear(4, 4), runtime.modules.own(act))",
    ),
    "a class of the project with sizes": (
        net(
            "up = Scaled((2, 2))",
            "self.seq = nn.Sequential(up, nn.Linear(4, 4), up)",
            before="class Scaled(nn.Module):\n    def __init__(self, size: tuple[int, int]):\n        super().__init__()\n"
            "        self.size = size\n\n    def forward(self, x):\n        return x * self.size[0]\n",
        ),
        "nn.Sequential(up, nn.Linear(4, 4), runtime.modules.own(up))",
    ),
    "a function that builds": (
        net(
            "self.seq = make(2)",
            before="def make(n):\n    relu = nn.ReLU()\n    layers = [nn.Linear(4, 4), relu]\n    for _ in range(n):\n"
            "        layers.append(relu)\n    return nn.Sequential(*layers)\n",
        ),
        "layers.append(runtime.modules.own(relu))",
    ),
    "in a class's body": (
        net("self.a = Conv()", "self.b = Conv()", "self.c = Conv(nn.ReLU())", before=YOLO, forward="self.c(self.b(self.a(x)))"),
        "            runtime.modules.own(self.default_act)\n            if act is True\n",
    ),
    "a default": (
        net("self.a = Block()", "self.b = Block()", before=BLOCK.replace("self, act", "self, act=nn.SiLU()"), forward="self.b(self.a(x))"),
        "self.act = runtime.modules.own(act)",
    ),
    "a variable of the file": (
        net("self.a = Block()", "self.b = Block()", before="ACT = nn.SiLU()\n" + BLOCK.replace(", act)", ")").replace("= act", "= ACT"), forward="self.b(self.a(x))"),
        "self.act = runtime.modules.own(ACT)",
    ),
    "called where it stands in the class's body": (
        "\n\nclass Net(nn.Module):\n    act = nn.SiLU()\n\n    def forward(self, x):\n        return self.act(self.act(x))\n",
        "return self.act3(self.act2(x))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACED)
def test_each_place_has_its_own(name: str) -> None:
    source, expected = PLACED[name]
    after = check(source, X)
    assert expected in after, after
    before, model = load((HEADER + source).encode())["Net"](), load(rewritten(HEADER + source).after)["Net"]()
    found = check_prepared(model, X)
    assert not found.raw and not found.repeated, found
    names = {name for name, _ in model.named_modules(remove_duplicate=False)}
    assert {name for name, _ in before.named_modules(remove_duplicate=False)} <= names


def test_a_module_of_another_library_that_moves_values_is_made_again() -> None:
    made = ["self.split = Rearrange('b (h d) -> b h d', h=2)", "self.split_gate = self.split"]
    source = "from einops.layers.torch import Rearrange\n" + net(*made, forward="self.split(x), self.split_gate(x)")
    assert "self.split_gate = Rearrange('b (h d) -> b h d', h=2)" in rewritten(HEADER + source).after.decode()


def test_the_diff_of_a_block_with_a_class_level_default_is_one_line() -> None:
    fits = YOLO.replace("isinstance(act, nn.Module)", "callable(act)")
    source = HEADER + net("self.a = Conv()", before=fits, forward="self.a(x)")
    changed = set(rewritten(source).after.decode().splitlines()) - set(source.splitlines())
    assert len(changed) == 2 and "import runtime.modules" in changed


def test_a_default_that_is_replaced_later_is_the_one_that_counts() -> None:
    space = load(rewritten(HEADER + net("self.a = Conv()", before=YOLO, forward="self.a(x)")).after)
    space["Conv"].default_act = nn.ReLU6()
    assert isinstance(space["Net"]().a.act, nn.ReLU6)


LEFT = {
    "parameters": ("RW905", net("layer = nn.Linear(4, 4)", "self.seq = nn.Sequential(layer, nn.ReLU(), layer)")),
    "a variable, many times": ("RW905", net("layer = nn.Linear(4, 4)", "self.seq = nn.ModuleList([layer] * 3)")),
    "a variable, in a comprehension": (
        "RW905",
        net("layer = nn.Linear(4, 4)", "self.seq = nn.ModuleList([layer for _ in range(3)])"),
    ),
    "a list of modules with parameters": ("RW905", net("self.seq = nn.Sequential(*[nn.Linear(4, 4)] * 2)")),
    "told apart": (
        "RW905",
        net("act = nn.ReLU()", "self.seq = nn.Sequential(act, act)", "self.all = all(m is act for m in self.seq)"),
    ),
    "changed": ("RW905", net("act = nn.ReLU()", "self.seq = nn.Sequential(act, act)", "act.inplace = True")),
    "hooked": ("RW905", net("act = nn.ReLU()", "self.seq = nn.Sequential(act, act)", "act.register_forward_hook(print)")),
    "kept for later": ("RW905", net("act = nn.ReLU()", "self.seq = nn.Sequential(act, act)", "self.get = lambda: act")),
    "a class with a memory": (
        "RW905",
        net(
            "act = Counter()",
            "self.seq = nn.Sequential(act, act)",
            before="class Counter(nn.Module):\n    def forward(self, x):\n        self.calls = x\n        return x\n",
        ),
    ),
    "branches": (
        "",
        net("act = nn.ReLU()", "if deep:", "    self.seq = nn.Sequential(act)", "else:", "    self.seq = act", parameters=", deep=True"),
    ),
    "only one place": ("", net("act = nn.ReLU()", "self.seq = nn.Sequential(nn.Linear(4, 4), act)")),
    "dropout, which eval() of another object would switch": (
        "",
        net("self.seq = drop", parameters=", drop=nn.Dropout(0.5)"),
    ),
    "an attribute that a subclass sets": (
        "",
        net("self.act = nn.ReLU()", "self.seq = nn.Sequential(self.act, nn.Linear(4, 4), self.act)")
        + "\n\nclass Sub(Net):\n    def __init__(self):\n        super().__init__()\n        self.act = nn.GELU()\n",
    ),
    "bound again": ("", net("act = nn.ReLU()", "a = nn.Sequential(act)", "act = nn.GELU()", "self.seq = nn.Sequential(a, act)")),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left_as_it_is(name: str) -> None:
    code, source = LEFT[name]
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == ({code} if code else set())


@pytest.mark.parametrize("order", [["acts.py", "net.py"], ["net.py", "acts.py"]])
def test_the_order_of_files_does_not_matter(tmp_path, order: list[str]) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "acts.py").write_text(
        "from torch import nn\n\n\nclass Scale(nn.Module):\n    def forward(self, x):\n        return x * 2\n"
    )
    (tmp_path / "net.py").write_text(
        "from torch import nn\nfrom acts import Scale\n" + net("act = Scale()", "self.seq = nn.Sequential(act, act)")
    )
    together = Project.for_paths([tmp_path])
    expected = {
        name: rewrite((tmp_path / name).read_bytes(), tmp_path / name, Settings(), together).after for name in order
    }
    assert b"own(act)" in expected["net.py"]
    for name in order:
        path = tmp_path / name
        path.write_bytes(rewrite(path.read_bytes(), path, Settings()).after)
        assert path.read_bytes() == expected[name]


def test_own_copies_what_has_no_state_alone() -> None:
    relu, linear = nn.ReLU(), nn.Linear(1, 1)
    assert own(relu) is not relu and isinstance(own(relu), nn.ReLU) and own(linear) is linear
    assert own(None) is None and own(torch.relu) is torch.relu and own(nn.ReLU) is nn.ReLU


def test_a_parameter_that_is_set_to_itself_is_only_asked() -> None:
    source = "def __init__(self, dim):\n    dim = dim\n    self.width = dim\n    self.linear = nn.Linear(dim, dim)\n"
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    reader = Reader(function, is_own_maker=lambda call: False, only_places=lambda call, node: True)
    assert reader.unclear(Reads("dim")) is not None, "what is placed as well has two names"
    asked = ast.parse("def __init__(self, dim):\n    dim = dim\n    print(dim > 2)\n").body[0]
    assert isinstance(asked, ast.FunctionDef)
    assert Reader(asked, lambda call: False, lambda call, node: True).unclear(Reads("dim")) is None


@pytest.mark.parametrize("kind", ["ReLU", "GELU", "PReLU"])
def test_what_a_name_chose_of_torch_is_parted_where_it_has_no_parameters(kind: str) -> None:
    source = net(
        "act = getattr(nn, kind)()",
        "layers = []",
        "for _ in range(2):",
        "    layers.append(nn.Linear(4, 4))",
        "    layers.append(act)",
        "self.seq = nn.Sequential(*layers)",
        parameters=f", kind='{kind}'",
    )
    after = check(source, X)
    assert "layers.append(runtime.modules.own(act))" in after
    seq = load((HEADER + after).encode())["Net"]().seq
    assert (seq[1] is seq[3]) is (kind == "PReLU")


@pytest.mark.parametrize("value", ["getattr(F, kind)", "getattr(self, kind)()", "getattr(nn, kind)(*given)"])
def test_what_a_name_chose_of_anything_else_stays(value: str) -> None:
    source = net(f"act = {value}", "self.seq = nn.ModuleList([act, act])", parameters=", kind='relu', given=()")
    assert not rewritten(HEADER + source).changed


def test_an_attribute_that_a_name_chose_is_parted_as_well() -> None:
    source = net("self.act = getattr(nn, 'SiLU')()", "self.seq = nn.Sequential(self.act, self.act)")
    assert "nn.Sequential(self.act, runtime.modules.own(self.act))" in check(source, X)


ALIAS = net(
    "self.linear = nn.Linear(4, 4)",
    "self.first: nn.Dropout | nn.Identity",
    "if rate:",
    "    self.first = nn.Dropout(rate)",
    "    self.second = self.first",
    "else:",
    "    self.first = nn.Identity()",
    "    self.second = nn.Identity()",
    parameters=", rate=0.5",
    forward="self.second(self.linear(self.first(x)))",
)


@pytest.mark.parametrize("arguments", [(), (0,)])
def test_a_second_name_for_what_a_branch_has_made_is_an_instance_of_its_own(arguments: tuple[int, ...]) -> None:
    after = check(ALIAS, X, arguments=arguments)
    assert "self.second = runtime.modules.own(self.first)" in after
    assert not check_prepared(load((HEADER + after).encode())["Net"](*arguments), X).repeated


def test_a_second_name_stays_where_something_else_sets_the_first() -> None:
    assert not rewritten(HEADER + ALIAS + "\n    def calm(self):\n        self.first = self.linear\n").changed
    assert not rewritten(HEADER + ALIAS.replace("Identity()", "Linear(4, 4)")).changed


UNSEEN = {
    "a variable": (["act = build(4)", "self.seq = nn.Sequential(act, nn.Linear(4, 4), act)"], 1),
    "an attribute, in a loop": (["self.act = build(4)", "self.seq = nn.Sequential(*[self.act for _ in range(2)])"], 1),
    "put into a list": (
        ["act = build(4)", "self.seq = nn.ModuleList()", "for _ in range(2):", "    self.seq.append(act)"],
        1,
    ),
    "one place": (["act = build(4)", "self.seq = nn.Sequential(nn.Linear(4, 4), act)"], 0),
    "no container of torch": (["size = build(4)", "self.seq = [size, size]", "self.sizes = Sizes(size, size)"], 0),
    "branches": (["act = build(4)", "if build(3):", "    self.seq = nn.Sequential(act)", "else:", "    self.seq = nn.Sequential(act)"], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSEEN)
def test_one_object_of_a_class_that_nobody_sees_in_several_places_is_said(name: str) -> None:
    body, said = UNSEEN[name]
    found = rewritten(f"{HEADER}from elsewhere import Sizes, build\n{net(*body)}")
    assert [r.message for r in found.refusals if r.code == "RW905"] == [
        "one object that `build` makes is placed several times, and may hold what all of these places share"
    ] * said
    assert not found.changed


@pytest.mark.parametrize(
    "lines",
    [
        ("both = nn.Sequential(nn.Linear(4, 4), nn.ReLU())", "self.left = both", "self.right = both"),
        ("self.left = nn.Linear(4, 4)", "self.right = self.left"),
    ],
)
def test_a_module_with_weights_under_two_names_is_said(lines: tuple[str, ...]) -> None:
    made = "\n        ".join(lines)
    source = f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        {made}

    def forward(self, x):
        return self.left(x), self.right(x)
"""
    assert [r.code for r in rewritten(HEADER + source).refusals] == ["RW905"]
    once = source.replace("self.right(x)", "x").replace("self.right =", "kept =")
    assert not rewritten(HEADER + once).refusals
