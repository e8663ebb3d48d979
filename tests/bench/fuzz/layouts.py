"""How constructs are spread over classes and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.fuzz import grammar  # noqa: F401  lists the constructs
from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import CONSTRUCTS, SCRIPTABLE, Lines, Piece, indented
from tests.bench.fuzz.program import HEADER, PLAIN_INPUTS, Program


@dataclass
class Draft:
    """A program that is being written. `$m` in lines about the model becomes the way to the object they speak of."""

    imports: Lines = field(default_factory=list)
    above: Lines = field(default_factory=list)
    classes: Lines = field(default_factory=list)
    below: Lines = field(default_factory=list)
    made: Lines = field(default_factory=list)
    extra: Lines = field(default_factory=list)
    files: dict[str, Lines] = field(default_factory=dict)

    def take(self, piece: Piece, path: str = "m") -> None:
        """Everything of the piece that stands outside of its class."""
        self.imports += piece.imports
        self.above += piece.above
        self.below += piece.below
        self.made += [line.replace("$m", path) for line in piece.made]
        self.extra += [line.replace("$m", path) for line in piece.extra]
        self.files |= piece.files

    def add(self, name: str, piece: Piece, path: str = "m", base: str = "nn.Module", **options: str) -> None:
        self.take(piece, path)
        self.classes += ["", "", *class_lines(name, piece, base, **options)]


def class_lines(name: str, piece: Piece, base: str = "nn.Module", parameters: str = "", passed: str = "") -> Lines:
    lines = [f"class {name}({', '.join([*piece.bases, base])}):"]
    if piece.init or parameters:
        signature = f"def __init__(self, {parameters}):" if parameters else "def __init__(self):"
        lines += indented([signature, f"    super().__init__({passed})", *indented(piece.init), ""])
    lines += indented(piece.methods)
    if piece.body:
        lines += indented(["def forward(self, x):", *indented([*piece.body, "return x"])])
    return lines if len(lines) > 1 else [*lines, "    pass"]


def single(draw: Draw) -> Draft:
    draft = Draft()
    draft.add("Net", draw.steps(draw.count() + 1))
    return draft


def with_base(draw: Draw) -> Draft:
    """A base class, and a class over it that calls or replaces its forward."""
    draft = Draft()
    draft.add("Base", draw.steps(draw.count()))
    own = draw.steps(draw.count())
    if draw.chance(0.7):
        place = draw.random.randint(0, len(own.body)) if not any(line.startswith(" ") for line in own.body) else 0
        own.body.insert(place, draw.pick("x = super().forward(x)", "x = super().forward(x) + x"))
    draft.add("Net", own, base="Base")
    return draft


def inner(draw: Draw) -> Draft:
    """A block that another module holds and runs, once or several times."""
    draft = Draft()
    draft.add("Block", draw.steps(draw.count()), path="m.block")
    outer = draw.step()
    outer.init.insert(0, "self.block = Block()")
    calls = draw.pick(
        ["x = self.block(x)"],
        ["x = self.block(self.block(x))"],
        ["x = self.block(x) + x"],
        ["for _ in range(2):", "    x = self.block(x)"],
        ["y = self.block(x)", "x = self.block(y) + x"],
    )
    outer.body += calls
    draft.add("Net", outer)
    return draft


def blocks(draw: Draw) -> Draft:
    draft = Draft()
    draft.add("Block", draw.steps(draw.count()), path="m.blocks[0]")
    made = draw.pick("nn.ModuleList([Block() for _ in range(2)])", "nn.Sequential(Block(), Block())")
    outer = draw.step()
    outer.init.insert(0, f"self.blocks = {made}")
    outer.body += draw.pick(
        ["for block in self.blocks:", "    x = block(x)"],
        ["for block in self.blocks:", "    x = x + block(x)"],
        ["for i, block in enumerate(self.blocks):", "    x = block(x) * (i + 1)"],
        ["x = self.blocks[1](self.blocks[0](x))"],
    )
    draft.add("Net", outer)
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
        draft.imports.append("from parts import Mix")
    else:
        draft.above += mixin
    draft.add("Net", own)
    return draft


LAYOUTS: Sequence[Callable[[Draw], Draft]] = (single, single, with_base, inner, blocks, mixed)


def generated(seed: int, without: Sequence[str] = ()) -> Program:
    """The program of that number."""
    scripted = seed % 10 == 9
    draw = Draw(seed, without, scripted)
    layouts = (single, inner) if scripted else LAYOUTS
    draft = draw.pick(*(layout for layout in layouts if f"layouts.{layout.__name__}" not in without))(draw)
    return written(draft, scripted, draw.used)


def alone(name: str, seed: int) -> Program:
    """A class that has nothing but this construct."""
    draw, draft = Draw(seed, depth=0), Draft()
    draft.add("Net", CONSTRUCTS[name](draw))
    return written(draft, name in SCRIPTABLE, [name])


def written(draft: Draft, scripted: bool, used: Sequence[str]) -> Program:
    """The draft as text."""
    imports = list(dict.fromkeys(draft.imports))
    model = [*imports, *HEADER, "", "", *draft.above, *draft.classes, "", "", *draft.below]
    model += ["", *PLAIN_INPUTS, "", "", "def make():", "    m = Net()", *indented(draft.made), "    return m"]
    if draft.extra:
        model += ["", "", "def call(m):", "    return m(*inputs()[0])"]
        model += ["", "", "def extra(m):", "    seen = []", *indented(draft.extra), "    return seen"]
    files = {"model.py": model, **draft.files}
    texts = {name: "\n".join(lines) + "\n" for name, lines in files.items()}
    return Program(texts, scripted=scripted, constructs=tuple(used))
