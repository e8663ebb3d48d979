"""What is known at one point of a run, and which function it is in."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from rewriter.python.code import Class, Function
from rewriter.values.base import Value
from rewriter.values.one_of import join

OfPart = tuple[str, Any]
"""A site by the part whose methods come to it, as the caller knows that."""
Runs = dict[ast.AST | Function | str | OfPart, int]
"""How often each site, or module, has run."""


@dataclass
class State:
    """Variables, and how often each site has run on the way here: the most over all paths."""

    variables: dict[str, Value] = field(default_factory=dict)
    runs: Runs = field(default_factory=dict)

    def copy(self) -> State:
        return State(dict(self.variables), dict(self.runs))


def most(a: Runs, b: Runs) -> Runs:
    """For each site the more of the two."""
    if len(a) > len(b):
        a, b = b, a
    larger = dict(b)
    for site, count in a.items():
        if count > larger.get(site, 0):
            larger[site] = count
    return larger


def merge(a: State | None, b: State | None) -> State | None:
    """The state after two alternatives; None is a path that does not come through."""
    if a is None or b is None:
        return b if a is None else a
    variables = dict(a.variables)
    for name, value in b.variables.items():
        variables[name] = join(variables[name], value) if name in variables else value
    return State(variables, most(a.runs, b.runs))


@dataclass(eq=False)
class Frame:
    """One activation of a function."""

    function: Function
    self_name: str | None
    cls: Class | None
    """The class that the run is about: where `self.x` is looked up."""
    loops: int = 0
    deferred: int = 0
    """Inside a lambda, nested function or generator, which may run at any time or never."""
    outer_loops: int = 0
    """Loops around the calls that led here."""
    of_plain: bool = False
    """It is a method of an object that is not a module."""
    is_part: bool = False
    """It is a method of what an attribute of the caller's object holds."""
    holder: str = "self"
    """Which object `self` is, as seen from the one whose forward is run: the path of attributes to it."""
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    statement: ast.stmt | None = None
    """The one that is being run."""
