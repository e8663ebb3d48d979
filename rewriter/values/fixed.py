"""What is not known, but that nothing given to the forward flows into it: settings, and what is computed from them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rewriter.values.base import UNKNOWN, Call, Machine, Unknown, Value


@dataclass(frozen=True, slots=True)
class Fixed(Unknown):
    """`self.window_size` of a constructor's argument: a number, most likely, or several; no business of a quantizer."""

    rank: ClassVar[int] = 88

    origins: frozenset[str] = frozenset()

    @property
    def is_fixed(self) -> bool:
        return True

    @property
    def as_given(self) -> Value:
        return UNKNOWN

    @property
    def says_nothing(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return Fixed(self.origins | other.origins) if other.is_fixed else UNKNOWN

    def member(self) -> Value:
        return self

    def item(self, index: ast.expr) -> Value | None:
        return self

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return self

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.run_handed_out(call)
        found = called_out_of_sight(machine, call, self)
        return machine.taken_for_tensor(call.node) if found.says_nothing and not found.is_fixed else found

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        if all_fixed(call.arguments.values()):
            found = machine.method_of_unknown(call, func, self)
            return found if found is not None and not found.says_nothing else self
        found = machine.method_of_unknown(call, func, self)
        machine.written(self, *call.arguments.values())
        return found


FIXED = Fixed()


def all_fixed(values: Iterable[Value]) -> bool:
    return all(value.is_fixed for value in values)


def origins_of(values: Iterable[Value]) -> frozenset[str]:
    return frozenset().union(*(value.origins for value in values))


def called_out_of_sight(machine: Machine, call: Call, *more: Value) -> Value:
    """What a function that nobody can see returns; whatever it is given, it may write into."""
    values = [*more, *call.arguments.values()]
    if all_fixed(values):
        return Fixed(origins_of(values))
    note_written(machine, values)
    machine.note_unknown_call(call.node, call.arguments.values())
    return UNKNOWN


def note_written(machine: Machine, values: list[Value]) -> None:
    """Each of them may hold anything of the others now."""
    for value in values:
        machine.written(value, *values)
