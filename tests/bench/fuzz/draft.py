"""A program that is being written: classes from pieces, and the file around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.fuzz.piece import Lines, Piece, indented
from tests.bench.fuzz.program import HEADER, Program

X = "torch.randn(3, 4)"


@dataclass
class Draft:
    """`$m` in lines about the model becomes the way to the object they speak of."""

    imports: Lines = field(default_factory=list)
    above: Lines = field(default_factory=list)
    classes: Lines = field(default_factory=list)
    below: Lines = field(default_factory=list)
    made: Lines = field(default_factory=list)
    extra: Lines = field(default_factory=list)
    files: dict[str, Lines] = field(default_factory=dict)
    outside: Lines = field(default_factory=list)
    """Lines of a file that no run of the rewriter sees; it has the rest, and imports all from the model's file."""
    inputs: str = f"({X},), {{}}"
    model: str = "Net()"
    given: tuple[str, ...] = ()
    """The files that the rewriter is run over; none means all."""

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

    def program(self, scripted: bool, used: Sequence[str]) -> Program:
        top = [*dict.fromkeys(self.imports), *HEADER]
        model = [*top, "", "", *self.above, *self.classes, "", "", *self.below]
        about = ["", "def inputs():", f"    return {self.inputs}", "", "", "def make():", f"    m = {self.model}"]
        about += [*indented(self.made), "    return m"]
        if self.extra:
            about += ["", "", "def call(m):", "    args, kwargs = inputs()", "    return m(*args, **kwargs)"]
            about += ["", "", "def extra(m):", "    seen = []", *indented(self.extra), "    return seen"]
        files = {"model.py": model, **self.files}
        if not self.outside:
            model += about
            return Program(_texts(files), scripted=scripted, constructs=tuple(used), given=self.given)
        user = [*top, "from model import *", "import model", "", "", *self.outside, "", *about]
        return Program(_texts(files), _texts({"user.py": user}), "user", scripted, tuple(used))


def _texts(files: dict[str, Lines]) -> dict[str, str]:
    return {name: "\n".join(lines) + "\n" for name, lines in files.items()}


def class_lines(
    name: str,
    piece: Piece,
    base: str = "nn.Module",
    parameters: str = "",
    passed: str = "",
    given: str = "x",
    returned: str = "return x",
) -> Lines:
    """A class statement. `parameters` are those of its __init__, `given` those of its forward."""
    lines = [f"class {name}({', '.join([*piece.bases, base])}):"]
    if piece.init or parameters:
        signature = f"def __init__(self, {parameters}):" if parameters else "def __init__(self):"
        lines += indented([signature, f"    super().__init__({passed})", *indented(piece.init), ""])
    lines += indented(piece.methods)
    if piece.body:
        lines += indented([f"def forward(self, {given}):", *indented([*piece.body, returned])])
    return lines if len(lines) > 1 else [*lines, "    pass"]
