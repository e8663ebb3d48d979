"""What a rule decides: one change, as data. Nothing here knows how it is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.construction import Construction
from rewriter.facts.holders import Holder
from rewriter.facts.interpreter.state import Site
from rewriter.facts.numbering import Numbering
from rewriter.facts.project import Function
from rewriter.results import Safety
from rewriter.torch_api.row import written_order


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


def as_given(call: ast.Call) -> tuple[Given, ...]:
    """The arguments of a call, as they stand."""
    return tuple(Given(a.value, a.arg or "**") if isinstance(a, ast.keyword) else Given(a) for a in written_order(call))


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
class Wrap:
    """`runtime.modules.Function(function)`: a module that runs a function whose operations are modules."""

    function: ast.expr


@dataclass(frozen=True)
class Call:
    """`runtime.modules.Call(functions)`: a module that runs the function that it is given at each call."""

    functions: tuple[ast.expr, ...] = ()
    """Functions that take modules, and tables of such functions, for which it is to hold some."""


@dataclass(frozen=True)
class Number:
    """The call of a method that is to say which of its calls it is."""

    parameter: str
    number: int


@dataclass(frozen=True)
class Turn:
    """A loop around a site, each of whose turns has a module of its own; or the calls of the method it stands in."""

    target: ast.expr
    iter: ast.expr
    """As the loop is written."""
    index: str
    """The variable that counts the turns."""
    added: bool
    """The loop does not count them yet."""
    over: ast.expr
    """What `__init__` runs over to make as many modules."""
    each: ast.expr | None = None
    """The loop's own `iter` as `__init__` can evaluate it, where a loop further in runs over the members."""
    numbering: Numbering | None = None
    """The calls, if it is no loop."""
    may_grow: bool = False
    """How often the loop turns depends on the object, whose parts and numbers somebody may change later."""
    unread: bool = False
    """The loop's own variable counts, but nobody reads it, as in `for _ in range(n)`: the counter takes its place."""


@dataclass(frozen=True)
class Change:
    """The site calls a module of its own, which `__init__` makes."""

    code: str
    site: Site
    place: Construction | Holder
    receiver: str
    """What the code at the site calls the object that has the module."""
    attribute: str
    """The name wanted; numbered where it is taken."""
    make: Make | MakeAgain | Tie | Wrap | Call | Number
    given: tuple[Given, ...]
    what: str
    """The site in a few words, for the message."""
    turns: tuple[Turn, ...] = ()
    """The loops around the site, outermost first, if it has a module for each turn."""
    safety: Safety = Safety.SAFE
    why_unsafe: str = ""


@dataclass(frozen=True)
class Substitution:
    """An expression that becomes another one, which stands for the same."""

    code: str
    function: Function
    """Where the expression stands."""
    node: ast.expr
    target: str
    message: str
    wraps: bool = False
    """The expression becomes the argument of a call of the target; else the target takes its place."""
    is_code: bool = False
    """The target is an expression as it is to be written, and no full name."""
    safety: Safety = Safety.SAFE
    why_unsafe: str = ""
