"""Dicts and other mappings."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import ClassVar

from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.one_of import join, join_all
from rewriter.values.sequence import method_of_container


@dataclass(frozen=True, slots=True)
class Dictionary(Value):
    """A dict, or a mapping of another class."""

    rank: ClassVar[int] = 30

    element: Value | None = None
    """What any key may stand for; None where that is not known."""

    @property
    def held(self) -> tuple[Value, ...]:
        return () if self.element is None else (self.element,)

    @property
    def is_fixed(self) -> bool:
        return self.element is not None and self.element.is_fixed

    def member(self) -> Value:
        return UNKNOWN if self.element is None else self.element

    def iterated(self) -> Value:
        return UNKNOWN

    def joined(self, other: Value) -> Value:
        members = [*self.held, *other.held]
        return Dictionary(join_all(members) if members else None)

    def widened(self, value: Value) -> Value:
        return Dictionary(value if self.element is None else join(self.element, value))

    def item(self, index: ast.expr) -> Value | None:
        return self.member()

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        return method_of_container(self, machine, call, func)


DICT = Dictionary()
