"""What chooses one of several modules: the turn of a loop, or the call by which a method is running."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rewriter.facts.expressions.written import is_bare
from rewriter.python.code import Function
from rewriter.python.trees import walk


@dataclass(frozen=True)
class Turn:
    """A loop around a site, each of whose turns has a module of its own; or the calls of the method it stands in."""

    target: ast.expr
    iter: ast.expr
    """As the loop is written."""
    index: str
    """What counts the turns: a variable, or an expression with one."""
    added: bool
    """The loop does not count them yet."""
    over: ast.expr
    """What `__init__` runs over to make as many modules."""
    each: ast.expr | None = None
    """The loop's own `iter` as `__init__` can evaluate it, where a loop further in runs over the members."""
    numbering: Numbering | None = None
    """The calls, if it is not a loop."""
    may_grow: bool = False
    """How often the loop turns depends on the object, whose parts and numbers somebody may change later."""
    filled_by: frozenset[str] = frozenset()
    """The methods by which `__init__` fills what it runs over."""
    unread: bool = False
    """The loop's own variable counts, but nobody reads it, as in `for _ in range(n)`: the counter takes its place."""
    mapped: NumberedMap | None = None
    """The call of `map`, if it is that."""
    is_open: bool = False
    """Nobody can count the turns before they run: the list begins with one module, and grows."""


@dataclass(frozen=True)
class NumberedCall:
    """The call of a method that is told which of its calls it is."""

    node: ast.Call
    caller: Function
    parameter: str
    number: str
    """An expression of the caller's: `1`, `i + 1`, or `call` where that one is numbered itself."""
    turns: tuple[Turn, ...] = ()
    """The loop around it, if its turns are numbered."""
    by_keyword: bool = True
    """Written as a keyword; else handed to `runtime.modules.nth`, which knows whether the method takes it."""
    via: str = ""
    """How the file spells that function."""

    @property
    def method(self) -> str:
        """The name by which it is called."""
        return self.node.func.attr if isinstance(self.node.func, ast.Attribute) else ""


@dataclass(frozen=True)
class Numbering:
    """A method that a parameter tells which of its calls is running."""

    method: Function
    parameter: str
    document: ClassVar[str] = "Which of its calls this is, counted from 0."
    """What is said of the parameter."""
    calls: tuple[NumberedCall, ...]
    """Those that pass a number. One that passes none is the first, since the parameter has 0 for its default."""
    size: int | ast.expr
    """How many there are; an expression for `__init__` where that depends on the object."""
    may_grow: bool = False
    filled_by: frozenset[str] = frozenset()
    callers: tuple[Numbering, ...] = ()
    """The methods that pass on a number of their own."""
    is_open: bool = False
    """Nobody can count its calls before they run."""

    def all(self) -> Iterator[Numbering]:
        """It, and those that it needs."""
        yield self
        for caller in self.callers:
            yield from caller.all()


@dataclass(frozen=True)
class NumberedMap:
    """`map(lambda x, i: ..., xs, range(2))`: the lambda is told of its turn."""

    node: ast.Call
    parameter: str
    number: int
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class WalkOverSteps:
    """Code that goes through its own children, the new ones left out."""

    node: ast.Attribute
    name: str
    """What it asks for in place of the children."""
    turns: tuple[Turn, ...] = ()


def names_run_over(turns: tuple[Turn, ...], own: str) -> set[str]:
    """What a constructor names where it touches what the loops run over."""
    named = {n.attr for t in turns for n in walk(t.over) if isinstance(n, ast.Attribute)}
    named = named.union(*(t.filled_by for t in turns))
    return named | ({own} if any(is_bare(t.over, own) for t in turns) else set())


def is_named(node: ast.AST, names: set[str]) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
    return name in names
