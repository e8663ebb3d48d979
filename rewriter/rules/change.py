"""What a rule decides: one change, as data. Nothing here knows how it is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.construction import Construction
from rewriter.facts.interpreter.state import Site
from rewriter.results import Safety


@dataclass(frozen=True)
class Fixed:
    """An argument that the constructor takes."""

    name: str
    value: ast.expr | bool
    named: bool
    """Written as a keyword."""


@dataclass(frozen=True)
class Given:
    """An argument that the call takes: an expression of the site, moved whole."""

    value: ast.expr
    keyword: str | None = None


@dataclass(frozen=True)
class Make:
    """`target(fixed)`, a new instance."""

    target: str
    fixed: tuple[Fixed, ...] = ()


@dataclass(frozen=True)
class MakeAgain:
    """The expression that made an existing attribute, once more."""

    attribute: str
    expression: ast.expr
    statement: ast.stmt
    """The assignment that it was taken from."""


@dataclass(frozen=True)
class Tie:
    """`runtime.modules.again(self.attribute)`: a copy of the module, or a handle on it where it owns parameters."""

    attribute: str
    statement: ast.stmt | None
    """The assignment that made the attribute; None where a base class made it."""
    parts: bool = False
    """Its parts can have instances of their own, since its forward keeps nothing on the object."""


@dataclass(frozen=True)
class Change:
    """The site calls a module of its own, which `__init__` makes."""

    code: str
    site: Site
    place: Construction
    attribute: str
    """The name wanted; numbered where it is taken."""
    make: Make | MakeAgain | Tie
    given: tuple[Given, ...]
    what: str
    """The site in a few words, for the message."""
    safety: Safety = Safety.SAFE
    why_unsafe: str = ""
