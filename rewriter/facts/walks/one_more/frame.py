"""Where the two runs are: in which function, with which variables, and whether only one of them is there."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from rewriter.facts.walks.one_more.things import ANY, FRESH, SAME, Tells, Value, either, in_one_run, is_settled
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import Hierarchy

Variables = dict[str, Value]
_DEEPEST = 5
_LONGEST = 4000


@dataclass
class Budget:
    """How many statements may still be run."""

    left: int = _LONGEST

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Tells


@dataclass
class Frame:
    """A function that is run."""

    hierarchy: Hierarchy
    cls: Class
    """The class of the object whose walks are asked about."""
    function: Function
    variables: Variables
    walks: frozenset[int]
    """The walks that meet one module more in one of the runs."""
    alone: bool = False
    """Only one of the runs is here."""
    asked: bool = False
    """Whether the run came here because of what the new module is."""
    met_object: bool = False
    """Whether the object itself has gone the same way before."""
    knows_names: bool = True
    """New modules are not given the names that the function says."""
    depth: int = 0
    budget: Budget = field(default_factory=Budget)
    seen: set[int] = field(default_factory=set)
    """The walks that were come to."""
    files: set[File] = field(default_factory=set)
    """Where the functions stand that were run."""
    attributes: set[str] = field(default_factory=set)
    """What was asked whether the new module has it, and taken for absent, though some new modules have it."""
    running: tuple[tuple[Function, Variables], ...] = ()
    """The calls that are being run, with what they were given."""
    outer: set[str] = field(default_factory=set)
    """The variables that belong to others, by `global` or `nonlocal`."""
    returned: list[Value] = field(default_factory=list)
    ends_of_turn: list[Variables] = field(default_factory=list)
    """The variables where a turn of the innermost loop ends early."""
    began_alone: bool = False
    loop_began_alone: bool = False
    """Whether only one of the runs came to the function, and to the loop that is gone through."""
    assigned: set[str] = field(default_factory=set)
    """The variables that were set, since only one of the runs is here."""

    def inner(self, function: Function, variables: Variables) -> Frame:
        """The frame of a function that is called here."""
        if self.depth >= _DEEPEST:
            raise Tells
        self.files.add(function.file)
        knows = function.owner is not None and function.owner in self.hierarchy.sharing(self.cls)
        return Frame(
            self.hierarchy, self.cls, function, variables, self.walks, self.alone, self.asked, self.met_object, knows,
            self.depth + 1, self.budget, self.seen, self.files, self.attributes,
            (*self.running, (function, dict(variables))),
        )  # fmt: skip

    def __post_init__(self) -> None:
        self.began_alone = self.alone

    def is_running(self, function: Function, variables: Variables) -> bool:
        """Whether such a call is being run already: what it does shows in the first."""
        return any(function is other and variables == given for other, given in self.running)

    def set(self, name: str, value: Value) -> None:
        if name in self.outer and (self.alone or not is_settled(value)):
            raise Tells
        self.variables[name] = value
        self.assigned.add(name)

    def meets(self, walk: ast.Attribute) -> bool:
        """Whether this walk is one of those that meet the new module."""
        self.seen.add(id(walk))
        return id(walk) in self.walks

    def read(self, name: str) -> Value:
        """A variable that is handed on to somebody, who may keep it."""
        value = self.variables.get(name, SAME)
        if value is FRESH:
            self.variables[name] = SAME
            return SAME
        return value

    def both(self, ways: list[Callable[[], bool]]) -> bool:
        """Runs several ways, one of which is taken in both runs alike; whether one of them goes on behind."""
        before, ends = dict(self.variables), list[Variables]()
        asked, was_asked = list[bool](), self.asked
        for way in ways:
            self.variables, self.asked = dict(before), was_asked
            if way():
                ends.append(self.variables)
            asked.append(self.asked)
        self.variables, self.asked = joined(ends) if ends else before, any(asked)
        return bool(ends)

    def one_alone(self, ways: list[Callable[[], bool]], asked: bool, met_object: bool = False) -> bool:
        """Runs several ways that only one of the runs may take; whether that run goes on behind."""
        before, outer = dict(self.variables), self.assigned
        alone, was_asked, had_met = self.alone, self.asked, self.met_object
        after, ends, assigned = dict(before), list[bool](), set[str]()
        for way in ways:
            self.alone, self.asked, self.met_object = True, was_asked or asked, had_met or met_object
            self.variables, self.assigned = dict(before), set()
            ends.append(way())
            for name in self.assigned:
                after[name] = in_one_run(after.get(name), self.variables.get(name, ANY))
            assigned |= self.assigned
        self.variables, self.assigned = after, outer | assigned
        self.alone, self.asked, self.met_object = alone, was_asked or (alone and asked), had_met
        if not alone and not all(ends):
            raise Tells  # the other run goes on
        return any(ends)


def joined(ends: list[Variables]) -> Variables:
    found = dict(ends[0])
    for other in ends[1:]:
        for name in {*found, *other}:
            found[name] = either(found.get(name, SAME), other.get(name, SAME))
    return found


@dataclass(frozen=True)
class Runner:
    """The parts that run code, each of which needs the others."""

    value: Callable[[Runner, ast.expr, Frame], Value]
    call: Callable[[Runner, ast.Call, Frame], Value]
    body: Callable[[Runner, list[ast.stmt], Frame], bool]
    """Whether the run goes on behind the statements."""

    def looked_through(self, part: ast.expr, frame: Frame) -> Value:
        """A collection that is only gone through stays with whom it is."""
        if isinstance(part, ast.Name):
            return frame.variables.get(part.id, SAME)
        return self.value(self, part, frame)
