"""Lists, tuples, sets, and whatever else is a sequence."""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from rewriter.values.base import Call, Machine, Value
from rewriter.values.fixed import all_fixed
from rewriter.values.one_of import join, join_all
from rewriter.values.plain import NONE, STRING, WHOLE

_ADDING = frozenset({"append", "insert", "add", "setdefault"})
_EXTENDING = frozenset({"extend", "update"})
_TAKING = frozenset({"pop", "get", "popitem"})
_COUNTING = frozenset({"index", "count", "numel"})
_CHILDREN = frozenset({"children", "named_children"})
_CONTAINERS = (list, tuple, set, dict, collections.deque)


@dataclass(frozen=True, slots=True)
class Sequence(Value):
    """Members of which either each is known, or what any of them may be."""

    rank: ClassVar[int] = 31

    element: Value | None = None
    """What any member may be; None where nothing is known of the members."""
    items: tuple[Value, ...] | None = None
    """Each member, where the length is known."""
    assumed: bool = False
    """Libraries annotate tensors as tuples of tensors."""

    @property
    def held(self) -> tuple[Value, ...]:
        return self.items or (() if self.element is None else (self.element,))

    @property
    def is_fixed(self) -> bool:
        return (self.items is not None or self.element is not None) and all_fixed(self.held)

    @property
    def as_given(self) -> Value:
        """What is empty may have been filled."""
        if self.items is None:
            return self if self.element is None else replace(self, element=self.element.as_given)
        return replace(self, items=tuple(member.as_given for member in self.items) or None)

    @property
    def is_whole(self) -> bool:
        return all(member.is_whole for member in self.held) and bool(self.held)

    def member(self) -> Value:
        return join_all(self.held)

    def joined(self, other: Value) -> Value:
        assert isinstance(other, Sequence)
        assumed = self.assumed or other.assumed
        if self.items and other.items and len(self.items) == len(other.items):
            return Sequence(items=tuple(map(join, self.items, other.items)), assumed=assumed)
        members = [sequence.member() for sequence in (self, other) if sequence.held]
        return Sequence(join_all(members) if members else None, assumed=assumed)

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return self if self.items is None else replace(self, element=self.member() if self.items else None, items=None)

    def widened(self, value: Value) -> Value:
        return Sequence(join(self.member(), value) if self.held else value)

    def item(self, index: ast.expr) -> Value | None:
        if isinstance(index, ast.Slice):
            return sequence(self.member()) if self.held else self
        position = ast.unparse(index)
        if self.items and position.lstrip("-").isdigit() and -len(self.items) <= int(position) < len(self.items):
            return self.items[int(position)]
        return self.member()

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        """What `max(dim)` and `topk` return has names for its members."""
        return self.member() if node.attr in ("values", "indices") else None

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        return method_of_container(self, machine, call, func)


def method_of_container(container: Value, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
    """What the methods of lists, sets and dicts do and return, by their names alone."""
    if func.attr in _CHILDREN:
        return children(func.attr, container.member())
    if not any(hasattr(kind, func.attr) for kind in _CONTAINERS) and func.attr not in _COUNTING:
        return None
    values = list(call.arguments.values())
    if func.attr in _ADDING and values:
        machine.widen(func.value, values[-1])
    elif func.attr in _EXTENDING and values:
        machine.widen(func.value, values[0].member())
    elif func.attr in _TAKING:
        return join_all([container.member(), *values[1:]])
    elif func.attr == "copy":
        return container
    elif func.attr in ("values", "keys"):
        return sequence(container.member() if func.attr == "values" else STRING)
    elif func.attr == "items":
        return sequence(sequence(items=[STRING, container.member()]))
    elif func.attr in _COUNTING:
        return WHOLE
    return NONE


def children(method: str, member: Value) -> Sequence:
    """What `children()`, `named_children()` and their like run over."""
    return sequence(sequence(items=[STRING, member]) if method.startswith("named_") else member)


def sequence(element: Value | None = None, items: Iterable[Value] | None = None) -> Sequence:
    return Sequence(element, None if items is None else tuple(items))


SEQUENCE = Sequence()
SHAPE = Sequence(WHOLE)
