"""How constructs are spread over classes and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.bench.fuzz import grammar  # noqa: F401  lists the constructs
from tests.bench.fuzz.draft import Draft, X
from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.dress import dressed
from tests.bench.fuzz.families import FAMILIES
from tests.bench.fuzz.piece import CONSTRUCTS, SCRIPTABLE, Piece, indented
from tests.bench.fuzz.program import HEADER, Program

INPUTS = (
    f"({X},), {{}}",
    "(torch.randn(4, 3).t(),), {}",
    "(torch.randn(1, 4),), {}",
    "(torch.arange(12.).view(3, 4) - 5,), {}",
    f"(), {{'x': {X}}}",
    "(torch.zeros(3, 4),), {}",
    "(torch.randn(3, 4).double(),), {}",
)
RETURNS = (
    "return x, x.mean()",
    "return {'x': x, 'n': x.shape[0]}",
    "return [x, x]",
    "return (x + 1, None)",
    "return x.sum()",
    "pass",
)


def single(draw: Draw) -> Draft:
    draft = Draft(inputs=draw.pick(*INPUTS))
    draft.add("Net", draw.steps(draw.count() + 1), returned=draw.pick("return x", "return x", *RETURNS))
    return draft


def plain(draw: Draw) -> Draft:
    """A class as TorchScript takes it."""
    draft = Draft()
    draft.add("Net", draw.steps(draw.count() + 1))
    return draft


def several_inputs(draw: Draw) -> Draft:
    given, inputs, first = draw.pick(
        ("x, y=None", f"({X}, {X}), {{}}", "x = x if y is None else x + y"),
        ("x, *, scale=2", f"({X},), dict(scale=3)", "x = x * scale"),
        ("xs", f"([{X}, {X}],), {{}}", "x = sum(xs) if isinstance(xs, list) else xs"),
        ("*xs", f"({X}, {X}), {{}}", "x = torch.cat(xs, 1)[:, 2:6]"),
        ("batch", f"({{'x': {X}, 'y': {X}}},), {{}}", "x = batch['x'] + batch['y']"),
        ("x, mask=None, **rest", f"({X},), dict(mask=torch.ones(3, 4), more=2)", "x = x * mask + len(rest)"),
        ("x: torch.Tensor, n: int = 2", f"({X}, 3), {{}}", "x = x * n + (n - 1)"),
    )
    draft = Draft(inputs=inputs)
    piece = draw.steps(draw.count())
    piece.body.insert(0, first)
    draft.add("Net", piece, given=given, returned=draw.pick("return x", *RETURNS))
    return draft


def with_base(draw: Draw) -> Draft:
    """A base class, and a class over it that calls or replaces its forward."""
    draft = Draft()
    draft.add("Base", draw.steps(draw.count()))
    own = draw.steps(draw.count())
    if draw.chance(0.7):
        own.body.insert(0, draw.pick("x = super().forward(x)", "x = super().forward(x) + x"))
    draft.add("Net", own, base="Base")
    return draft


def _given(draw: Draw) -> tuple[str, ...]:
    """Which files the rewriter is run over; what stands in others is elsewhere."""
    parts = draw.hazard("Subclasses and callers elsewhere", ("parts.py",), ())
    return draw.pick((), (), ("model.py",), parts)


def base_elsewhere(draw: Draw) -> Draft:
    """The base, or a block, lies in another file of the project."""
    draft, other = Draft(), Draft()
    other.add("Part", draw.steps(draw.count()))
    lines = [*dict.fromkeys(other.imports), *HEADER, "", "", *other.above, *other.classes, "", "", *other.below]
    draft.files |= {"parts.py": lines, **other.files}
    draft.given = _given(draw)
    draft.imports.append(draw.pick("from parts import *", "from parts import Part"))
    own = draw.steps(draw.count())
    if draw.chance(0.5):
        own.body += draw.pick(["x = super().forward(x)"], ["x = super().forward(super().forward(x))"])
        draft.add("Net", own, base="Part")
    else:
        own.init.insert(0, "self.part = Part()")
        own.body += draw.pick(["x = self.part(x)"], ["x = self.part(self.part(x))"])
        draft.add("Net", own)
    return draft


def helpers_elsewhere(draw: Draw) -> Draft:
    """Free functions of another file, by several ways of importing them, for several callers."""
    draft = Draft()
    lines = [
        *HEADER,
        "",
        "",
        "def mix(x, k=2):",
        f"    return {draw.tensor()} * k",
        "",
        "",
        "def twice(x):",
        f"    return mix({draw.tensor()}) + mix(x)",
    ]
    draft.files["parts.py"] = lines
    draft.given = _given(draw)
    imported, mix, twice = draw.pick(
        ("from parts import mix, twice", "mix", "twice"),
        ("import parts", "parts.mix", "parts.twice"),
        ("import parts as P", "P.mix", "P.twice"),
        ("from parts import mix as m, twice as t", "m", "t"),
        ("from parts import *", "mix", "twice"),
    )
    draft.imports.append(imported)
    own = draw.steps(draw.count())
    own.body += draw.pick(
        [f"x = {mix}(x)"],
        [f"x = {twice}({mix}(x, 3))"],
        [f"x = {twice}({twice}(x))"],
        [f"f = {mix}", "x = f(x)"],
        [f"x = sum(map({mix}, [x, -x]))"],
    )
    draft.add("Net", own)
    draft.extra += draw.pick(
        [],
        [f"seen.append({twice}(torch.ones(2, 4)))"],
        [f"seen.append({mix}(3) if '{mix}' == '' else {mix}(torch.ones(2, 4), 2))"],
    )
    return draft


def subclass_outside(draw: Draw) -> Draft:
    """A user's class over one that was rewritten, in a file that was not."""
    draft = Draft()
    name = draw.name("inside")
    library = draw.steps(draw.count())
    library.methods += [f"def {name}(self, x):", f"    return {draw.tensor(in_module=True)}", ""]
    library.body += draw.pick([f"x = self.{name}(x)"], [f"x = self.{name}(self.{name}(x))"])
    draft.add("Library", library)
    body = draw.pick(
        [f"def {name}(self, x):", f"    return {draw.tensor()}"],
        [f"def {name}(self, x):", f"    return super().{name}(x) * 2"],
        ["def forward(self, x):", f"    x = self.{name}(x)", "    return super().forward(x) + 1"],
        [
            "def __init__(self):",
            "    super().__init__()",
            "    self.head = nn.Linear(4, 4)",
            "",
            "def forward(self, x):",
            "    return self.head(super().forward(x))",
        ],
        _bypassing(draw),
        ["def __init__(self):", "    super().__init__()", f"    self.{_taken(draw)} = nn.Tanh()"],
        ["def __init__(self):", "    super().__init__()", f"    self.{_taken(draw)} = 3"],
        [f"def {_taken(draw)}(self, x):", "    return x * 3"],
        ["def extra_method(self, x):", f"    return self.{name}(x)"],
    )
    draft.outside = ["class Net(Library):", *indented(body)]
    return draft


def _bypassing(draw: Draw) -> list[str]:
    made = draw.hazard("Names that a subclass elsewhere has", "nn.Module.__init__(self)", "super().__init__()")
    return ["def __init__(self):", f"    {made}"]


def _taken(draw: Draw) -> str:
    """A name that the rewritten class may have."""
    taken = draw.pick("relu", "add", "softmax", "mul", "sum")
    return draw.hazard("Names that a subclass elsewhere has", taken, "of_the_user")


def used_outside(draw: Draw) -> Draft:
    """A user's model that holds a rewritten one, and touches its parts."""
    draft = Draft()
    draft.add("Library", draw.steps(draw.count() + 1), path="m.inner")
    use = draw.pick(
        "x = self.inner(x)",
        "x = self.inner(self.inner(x))",
        "x = self.inner.forward(x)",
        "x = model.Library.forward(self.inner, x) + x",
    )
    draft.outside = [
        "class Net(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        "        self.inner = Library()",
        "",
        "    def forward(self, x):",
        f"        {use}",
        f"        return {draw.tensor()}",
    ]
    return draft


def inner(draw: Draw) -> Draft:
    """A block that another module holds and runs, once or several times."""
    draft = Draft()
    draft.add("Block", draw.steps(draw.count()), path="m.block")
    outer = draw.step()
    outer.init.insert(0, "self.block = Block()")
    outer.body += draw.pick(
        ["x = self.block(x)"],
        ["x = self.block(self.block(x))"],
        ["x = self.block(x) + x"],
        ["for _ in range(2):", "    x = self.block(x)"],
        ["y = self.block(x)", "x = self.block(y) + x"],
    )
    draft.add("Net", outer)
    return draft


def blocks(draw: Draw) -> Draft:
    draft = Draft()
    draft.add("Block", draw.steps(draw.count()), path="m.blocks[0]")
    made = draw.pick(
        "nn.ModuleList([Block() for _ in range(2)])",
        "nn.Sequential(Block(), Block())",
        draw.hazard(
            "A module that was made again is one of two",
            "nn.ModuleList([Block()] * 2)",
            "nn.ModuleList([Block(), Block()])",
        ),
    )
    outer = draw.step()
    outer.init.insert(0, f"self.blocks = {made}")
    outer.body += draw.pick(
        ["for block in self.blocks:", "    x = block(x)"],
        ["for block in self.blocks:", "    x = x + block(x)"],
        ["for i, block in enumerate(self.blocks):", "    x = block(x) * (i + 1)"],
        ["x = self.blocks[1](self.blocks[0](x))"],
    )
    draft.add("Net", outer)
    draft.extra += draw.pick(
        [],
        [],
        ["m.blocks.append(Block())", "seen.append(call(m))"],
        ["del m.blocks[0]", "seen.append(call(m))"],
        ["m.blocks[1] = nn.Linear(4, 4)", "seen.append(call(m))"],
    )
    return draft


def own_container(draw: Draw) -> Draft:
    """The model itself is a Sequential, a ModuleList or a ModuleDict."""
    base, passed, loop = draw.pick(
        ("nn.Sequential", "nn.Linear(4, 4), nn.ReLU()", "for layer in self:"),
        ("nn.ModuleList", "[nn.Linear(4, 4), nn.ReLU()]", "for layer in self:"),
        ("nn.ModuleDict", "dict(a=nn.Linear(4, 4), b=nn.ReLU())", "for layer in self.values():"),
    )
    draft = Draft()
    piece = Piece(body=draw.pick(["x = x + 1"], [f"x = {draw.tensor()}"], [f"x = {draw.tensor(in_module=True)}"]))
    piece += Piece(
        body=[
            loop,
            f"    x = {draw.pick('layer(x)', 'layer(x) + x', 'F.relu(layer(x)) * 2')}",
            *draw.pick([], ["x = x * len(self)"]),
        ]
    )
    draft.add("Net", piece, base=base, parameters="k=1", passed=passed)
    draft.extra += draw.pick(
        [],
        ["seen.append(len(m))"],
        ["m['c'] = nn.Tanh()" if "Dict" in base else "m.append(nn.Tanh())", "seen.append(call(m))"],
    )
    return draft


def with_arguments(draw: Draw) -> Draft:
    """A class whose constructor's arguments choose what it is made of."""
    draft = Draft(
        model=draw.pick(
            "Net()", "Net(3)", "Net(n=1, act=nn.Tanh)", "Net(2, act=nn.GELU, deep=False)", "Net(deep=False)"
        )
    )
    piece = draw.steps(draw.count())
    piece.init += [
        "self.act = act()",
        "self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(n))",
        "self.deep = deep",
    ]
    piece.body += [
        "for layer in self.layers:",
        f"    x = {draw.pick('self.act(layer(x))', 'self.act(layer(x)) + x', 'x * self.act(x)')}",
    ]
    piece.body += draw.pick([], ["if self.deep:", "    x = self.act(x)"])
    draft.add("Net", piece, parameters="n=2, act=nn.ReLU, deep=True")
    return draft


def mixed(draw: Draw) -> Draft:
    """A plain mixin whose method the class calls, in this file or in another; both compute with what they like."""
    draft = Draft()
    mixin = ["class Mix:", "    def mixed(self, x):"]
    mixin += [f"        x = {draw.tensor(in_module=True)}" for _ in range(draw.count())] + ["        return x"]
    own = draw.steps(draw.count())
    own.body += draw.pick(["x = self.mixed(x)"], ["x = self.mixed(x)", f"x = {draw.tensor()}", "x = self.mixed(x)"])
    own.bases.append("Mix")
    if draw.chance(0.4):
        draft.files["parts.py"] = [*HEADER, "", "", *mixin]
        draft.given = _given(draw)
        draft.imports.append("from parts import Mix")
    else:
        draft.above += mixin
    draft.add("Net", own)
    return draft


LAYOUTS: Sequence[Callable[[Draw], Draft]] = (
    single,
    single,
    several_inputs,
    with_base,
    base_elsewhere,
    helpers_elsewhere,
    subclass_outside,
    used_outside,
    inner,
    inner,
    blocks,
    own_container,
    with_arguments,
    mixed,
    *FAMILIES,
)
SCRIPTED: Sequence[Callable[[Draw], Draft]] = (plain, inner)


def generated(seed: int, without: Sequence[str] = (), spared: bool = False) -> Program:
    """The program of that number; spared, it does nothing that is documented to differ."""
    scripted = seed % 10 == 9
    draw = Draw(seed, without, scripted, spared=spared)
    layouts = SCRIPTED if scripted else LAYOUTS
    layout = draw.pick(*(found for found in layouts if f"layouts.{found.__name__}" not in without))
    draft = layout(draw)
    if scripted:
        draft.below += draw.hazard("TorchScript", [], ["", "", "def compiled():", "    return torch.jit.script(Net())"])
    program = draft.program(scripted, draw.used)
    return replace(dressed(program, draw), hazards=tuple(draw.hazards), traced=seed % 4 == 0)


def alone(name: str, seed: int) -> Program:
    """A class that has nothing but this construct."""
    draw, draft = Draw(seed, depth=0), Draft()
    draft.add("Net", CONSTRUCTS[name](draw))
    return draft.program(name in SCRIPTABLE, [name])
