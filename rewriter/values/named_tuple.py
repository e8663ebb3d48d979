"""Tuples whose members have names: objects of classes that derive from `typing.NamedTuple`, or that a call makes."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Names
from dataclasses import dataclass

from rewriter.python.code import Class
from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.functions import one_of_methods
from rewriter.values.plain_objects import methods_meant, properties_meant
from rewriter.values.sequence import Sequence
from rewriter.values.target import Target

_BASE = "typing.NamedTuple"


@dataclass(frozen=True, slots=True)
class NamedTuple(Sequence):
    """Nothing can be stored on such an object: its members stay what its class was given."""

    names: tuple[str, ...] = ()
    cls: Class | None = None
    """Where the project has one."""

    @property
    def class_names(self) -> frozenset[str]:
        return frozenset() if self.cls is None else frozenset({self.cls.name})

    def joined(self, other: Value) -> Value:
        both = Sequence.joined(self, other)
        assert isinstance(both, Sequence)
        same = isinstance(other, NamedTuple) and other.cls is self.cls and other.names == self.names
        return NamedTuple(both.element, both.items, both.assumed, self.names, self.cls) if same else both

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return Sequence(self.member() if self.held else None)

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        if self.items is not None and node.attr in self.names:
            return self.items[self.names.index(node.attr)]
        read = list(properties_meant(machine.known, self.class_names, node.attr))
        if len(read) == 1:
            return machine.read_property(Target(read[0].function, read[0].cls, own=False, is_plain=True), node)
        return one_of_methods(methods_meant(machine.known, self.class_names, node.attr))

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        choice = one_of_methods(methods_meant(machine.known, self.class_names, func.attr))
        return Sequence.method(self, machine, call, func) if choice is None else choice.call(machine, call)


def fields(cls: Class) -> list[str]:
    """The names of the members; none for a class that is not a tuple."""
    if _BASE not in cls.base_names:
        return []
    stated = (s.target for s in cls.node.body if isinstance(s, ast.AnnAssign))
    return [target.id for target in stated if isinstance(target, ast.Name)]


def made(names: Names[str], call: Call, cls: Class | None = None) -> NamedTuple:
    """What calling the class with these arguments makes; a member that has only its default is not known."""
    given = dict[str, Value]()
    if not any(isinstance(argument, ast.Starred) for argument in call.node.args):
        given.update(zip(names, (call.arguments[argument] for argument in call.node.args), strict=False))
    given.update({keyword.arg: call.arguments[keyword.value] for keyword in call.node.keywords if keyword.arg})
    return NamedTuple(items=tuple(given.get(name, UNKNOWN) for name in names), names=tuple(names), cls=cls)
