"""Objects that are not modules, known by their classes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import ClassVar

from rewriter.python.code import Class
from rewriter.values.base import UNKNOWN, Call, Known, Machine, Unknown, Value
from rewriter.values.functions import ANY_OPERATION, Choice, SomeFunction, one_of_methods
from rewriter.values.modules import call_method
from rewriter.values.one_of import join_all
from rewriter.values.plain import OTHER, Other
from rewriter.values.plain_objects import is_plain, methods_meant, properties_meant
from rewriter.values.target import Target


@dataclass(frozen=True, slots=True)
class Instance(Unknown):
    """An object of one of these classes, or of classes below them: its methods are known, and nothing else."""

    of: frozenset[str]
    """Full names."""

    rank: ClassVar[int] = 15

    @property
    def class_names(self) -> frozenset[str]:
        return self.of

    def joined(self, other: Value) -> Value:
        return Instance(self.of | other.of) if isinstance(other, Instance) else self

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        known = machine.known
        read = list(properties_meant(known, self.of, node.attr))
        if len(read) == 1:
            return machine.read_property(Target(read[0].function, read[0].cls, own=False, is_plain=True), node)
        methods = one_of_methods(methods_meant(known, self.of, node.attr))
        if methods is not None:
            return methods
        stated = self._stated(machine, node.attr)
        return self._kept(machine, node.attr) if stated.says_nothing else stated

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        """What the class's body says of a function is what most objects have, and others another one."""
        for part in self._stated(machine, func.attr).parts:
            if isinstance(part, SomeFunction) and part.may_be_stored:
                return machine.call_value(Choice(part.members) if part.members else ANY_OPERATION, call)
        return Unknown.method(self, machine, call, func)

    def _stated(self, machine: Machine, attribute: str) -> Value:
        """What the classes' bodies say of the attribute."""
        return join_all([machine.known.stated(cls, attribute) for cls in self._classes(machine.known)])

    def _kept(self, machine: Machine, attribute: str) -> Value:
        """What constructors leave in the attribute, where they alone set it, in whichever class below as well."""
        known = machine.known
        family = [c for cls in self._classes(known) for c in (cls, *known.hierarchy.subclasses(cls))]
        if not all(machine.is_setting(cls, attribute) for cls in family):
            return UNKNOWN
        return join_all([known.attribute(cls, attribute).as_given for cls in family])

    def _classes(self, known: Known) -> list[Class]:
        found = [cls for name in sorted(self.of) if isinstance(cls := known.project.find(name), Class)]
        return [cls for cls in found if is_plain(known, cls)]

    def call(self, machine: Machine, call: Call) -> Value | None:
        choice = one_of_methods(methods_meant(machine.known, self.of, "__call__"))
        return UNKNOWN if choice is None else choice.call(machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        choice = one_of_methods(methods_meant(machine.known, self.of, "__call__"))
        return None if choice is None else choice.run(machine, call)


@dataclass(frozen=True, slots=True)
class PlainObject(Other):
    """An object of a class that may become a module, if one keeps it."""

    cls: Class

    @property
    def has_name(self) -> bool:
        return True

    @property
    def class_names(self) -> frozenset[str]:
        return frozenset({self.cls.name})

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return OTHER

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        if machine.is_stored_on_own(func.value):
            return call_method(self, self.cls, machine, call, func)
        choice = one_of_methods(methods_meant(machine.known, self.class_names, func.attr))
        return None if choice is None else choice.call(machine, call)


def objects(*names: str) -> Instance:
    return Instance(frozenset(names))
