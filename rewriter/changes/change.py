"""One change, as data: a site that calls a module of its own, or an expression that becomes another one."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from rewriter.changes.made import Made
from rewriter.changes.turns import NumberedCall, NumberedMap, Numbering, Turn, WalkOverSteps
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.function_owners import Holder
from rewriter.facts.walks.steps import STEPS
from rewriter.python.code import Function
from rewriter.python.trees import walk
from rewriter.results import Finding, Safety
from rewriter.sites.site import Site, SiteNode
from rewriter.torch_api.row import written_order


@dataclass(frozen=True)
class Given:
    """An argument that the call takes: an expression of the site, moved whole."""

    value: ast.expr
    keyword: str | None = None
    spread: bool = False
    """A sequence, whose members are given one by one."""


def as_given(call: ast.Call) -> tuple[Given, ...]:
    """The arguments of a call, as they stand."""
    return tuple(Given(a.value, a.arg or "**") if isinstance(a, ast.keyword) else Given(a) for a in written_order(call))


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
    make: Made
    given: tuple[Given, ...]
    what: str
    """The site in a few words, for the message."""
    turns: tuple[Turn, ...] = ()
    """The loops around the site, outermost first, if it has a module for each turn."""
    of_list: tuple[str, ...] = ()
    """What chooses a member of the one list that it makes, where that is a handle of a list."""
    counted: tuple[Turn, ...] = ()
    """The loop around the site that takes these members, and counts them."""
    each: bool = False
    """The site is a call of `map`, and becomes `self.norm.each(xs)`."""
    member: ast.expr | None = None
    """What chooses the member of its module that the site calls: `self.blocks2[i][i // 2](x)`."""
    instead: ast.Assign | None = None
    """The assignment of `__init__` in whose place its module is made, under the same name."""
    safety: Safety = Safety.SAFE
    why_unsafe: str = ""

    @property
    def indices(self) -> list[str]:
        """What chooses one of its modules at the call."""
        of_turns = [] if self.each else [turn.index for turn in self.turns]
        member = [] if self.member is None else [ast.unparse(self.member)]
        return [*of_turns, *member, *self.of_list]

    @property
    def method(self) -> str:
        """The method of the module, or of the list of modules, that the site calls; empty where it calls the module."""
        return "each" if self.each else self.make.method

    def shares_list_with(self, other: Change) -> bool:
        """Whether both call members of one list of handles, and never the same one."""
        is_list = bool(self.of_list) and bool(other.of_list) and self.make == other.make and self.turns == other.turns
        return is_list and self.of_list != other.of_list and self.site.function is other.site.function

    def finding(self, name: str | None = None) -> Finding:
        """What is said of it; `name` is the attribute that it has been given."""
        where = f"{self.receiver}.{name or self.attribute}" + "".join(f"[{index}]" for index in self.indices)
        span = self.site.function.file.source.span(self.site.node)
        return Finding(self.code, self.make.described(self.what, where), span, self.safety, self.why_unsafe)


@dataclass(frozen=True)
class NamedChange:
    """A change with the attribute name that it will have."""

    change: Change
    name: str
    via: str = ""
    """How the file spells `runtime.modules.handed`, where the module is given to another one."""

    @property
    def node(self) -> SiteNode:
        """What becomes a call of the attribute."""
        return self.change.site.node

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The loops around the site that have to be counted."""
        return (*self.change.turns, *self.change.counted)

    def finding(self) -> Finding:
        return self.change.finding(self.name)


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
    number: NumberedCall | None = None
    """The expression is a call that passes a number to a method of a class above, by the target."""
    safety: Safety = Safety.SAFE
    why_unsafe: str = ""

    def finding(self) -> Finding:
        span = self.function.file.source.span(self.node)
        return Finding(self.code, self.message, span, self.safety, self.why_unsafe)

    def leaves(self, other: Substitution) -> bool:
        """Whether the other one can be done as well: it is elsewhere, or both wrap what they are about."""
        is_inside = any(node is other.node for node in walk(self.node))
        is_told = self.number is not None
        return not is_inside or is_told or (self.wraps and other.wraps and self.target != other.target)


def numberings(changes: Iterable[NamedChange]) -> list[Numbering]:
    """The methods that have to be told which of their calls is running, for these changes."""
    wanted = (t.numbering for named in changes for t in named.turns if t.numbering is not None)
    return list({n.method: n for numbering in wanted for n in numbering.all()}.values())


def numbered_maps(changes: Iterable[NamedChange]) -> list[NumberedMap]:
    """The calls of `map` that have to tell their functions which turn it is."""
    return list({id(t.mapped.node): t.mapped for named in changes for t in named.turns if t.mapped}.values())


def turns_of(changes: Iterable[NamedChange]) -> list[Turn]:
    """The loops that the changes want counted."""
    changes = list(changes)
    of_calls = [turn for numbering in numberings(changes) for call in numbering.calls for turn in call.turns]
    return [*(turn for named in changes for turn in named.turns), *of_calls]


def walks_over_steps(changes: Iterable[NamedChange]) -> list[WalkOverSteps]:
    """What goes through the children of objects that get new ones by these changes."""
    places = {n.change.place.cls: n.change.place for n in changes if isinstance(n.change.place, Construction)}
    return [WalkOverSteps(node, STEPS[node.attr]) for place in places.values() for node in place.walks]
