"""What a construct adds to a program, and the list of all constructs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.fuzz.draw import Draw

Lines = list[str]


@dataclass
class Piece:
    """Lines for each place of a class and its file. `body` reads the tensor `x` and leaves one of its shape in `x`."""

    body: Lines = field(default_factory=list)
    init: Lines = field(default_factory=list)
    methods: Lines = field(default_factory=list)
    """Lines of the class body."""
    above: Lines = field(default_factory=list)
    """Lines of the file, before the class."""
    below: Lines = field(default_factory=list)
    """Lines of the file, behind all classes."""
    imports: Lines = field(default_factory=list)
    bases: Lines = field(default_factory=list)
    """Names of plain mixins, which stand before the class's base."""
    files: dict[str, Lines] = field(default_factory=dict)
    """Other files of the project."""
    made: Lines = field(default_factory=list)
    """What is done to the model `m` before it is handed out."""
    extra: Lines = field(default_factory=list)
    """What a user does to `m` afterwards; `seen` collects what is compared, `call(m)` runs it."""

    def __add__(self, other: Piece) -> Piece:
        joined = {
            name: [*getattr(self, name), *getattr(other, name)]
            for name in ("body", "init", "methods", "above", "below", "imports", "bases", "made", "extra")
        }
        return Piece(**joined, files=self.files | other.files)


def together(pieces: Sequence[Piece]) -> Piece:
    return sum(pieces, Piece())


def indented(lines: Sequence[str], by: int = 1) -> Lines:
    return [" " * 4 * by + line if line else line for line in lines]


def text(source: str) -> Lines:
    """The lines of a text that is written between triple quotes."""
    lines = source.strip("\n").split("\n")
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [line[margin:].rstrip() for line in lines]


Construct = Callable[["Draw"], Piece]
CONSTRUCTS: dict[str, Construct] = {}
SCRIPTABLE: set[str] = set()


def construct(function: Construct) -> Construct:
    """Lists a function that returns a piece."""
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    CONSTRUCTS[name] = function
    return function


def scriptable(function: Construct) -> Construct:
    """A construct that TorchScript takes as well."""
    listed = construct(function)
    SCRIPTABLE.add(next(name for name, f in CONSTRUCTS.items() if f is function))
    return listed
