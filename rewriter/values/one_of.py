"""One of several kinds of values, and joining values where paths meet."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rewriter.values.base import UNKNOWN, Call, Machine, Unknown, Value


@dataclass(frozen=True, slots=True)
class OneOf(Value):
    """One of several kinds, each of them once, in the order in which they are asked."""

    alternatives: tuple[Value, ...]

    @property
    def parts(self) -> tuple[Value, ...]:
        return self.alternatives

    @property
    def held(self) -> tuple[Value, ...]:
        return tuple(member for part in self.alternatives for member in part.held)

    @property
    def assumed(self) -> bool:
        return not self.is_proven and any(part.assumed for part in self.alternatives)

    @property
    def is_fixed(self) -> bool:
        return all(part.is_fixed for part in self.alternatives)

    @property
    def origins(self) -> frozenset[str]:
        return frozenset().union(*(part.origins for part in self.alternatives))

    @property
    def as_given(self) -> Value:
        return join_all(part.as_given for part in self.alternatives)

    @property
    def is_whole(self) -> bool:
        return all(part.is_whole for part in self.alternatives)

    @property
    def is_proven(self) -> bool:
        return any(part.is_proven for part in self.alternatives)

    @property
    def is_some_module(self) -> bool:
        return any(part.is_some_module for part in self.alternatives)

    @property
    def holds_itself(self) -> bool:
        return any(part.holds_itself for part in self.alternatives)

    @property
    def sources(self) -> frozenset[str]:
        return frozenset().union(*(part.sources for part in self.alternatives))

    @property
    def known(self) -> bool:
        return all(part.known for part in self.alternatives)

    @property
    def has_name(self) -> bool:
        return any(part.has_name for part in self.alternatives)

    @property
    def class_names(self) -> frozenset[str]:
        return frozenset().union(*(part.class_names for part in self.alternatives))

    def may_be(self, *kinds: type[Value]) -> bool:
        return any(isinstance(part, kinds) for part in self.alternatives)

    def is_only(self, *kinds: type[Value]) -> bool:
        return all(isinstance(part, kinds) for part in self.alternatives)

    def without(self, *families: type[Value]) -> Value:
        return _united([part for part in self.alternatives if part.family not in families])

    def member(self) -> Value:
        """What the containers among the kinds hold. A tensor's members are what it is."""
        if held := self.held:
            return join_all(held)
        return self if self.holds_itself else UNKNOWN

    def widened(self, value: Value) -> Value:
        return OneOf(tuple(part.widened(value) for part in self.alternatives))

    def item(self, index: ast.expr) -> Value | None:
        for part in self.alternatives:
            if (found := part.item(index)) is not None:
                says_nothing = not part.held and not part.holds_itself and self.holds_itself
                return self if found is part or says_nothing else found
        return None

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return self._first(lambda part: part.attribute(machine, node))

    def call(self, machine: Machine, call: Call) -> Value | None:
        return self._first(lambda part: part.call(machine, call))

    def run(self, machine: Machine, call: Call) -> Value | None:
        return self._first(lambda part: part.run(machine, call))

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        """What is not known is asked last: an object of some class only if nothing else has the method.

        Its method may compute what it likes: `x.argmax()` is of integers where `x` is a tensor.
        """
        known = [part for part in self.alternatives if not isinstance(part, Unknown)]
        unknown = [part for part in self.alternatives if isinstance(part, Unknown)]
        found = OneOf((*known, *unknown))._first(lambda part: part.method(machine, call, func))
        return join(found, UNKNOWN) if found is not None and found.holds_itself and unknown else found

    def _first(self, ask: Callable[[Value], Value | None]) -> Value | None:
        return next((found for part in self.alternatives if (found := ask(part)) is not None), None)


def _united(parts: Iterable[Value]) -> Value:
    """The one value that stands for parts of different kinds."""
    found = sorted(parts, key=lambda part: part.rank)
    if len(found) < 2:
        return found[0] if found else UNKNOWN
    return OneOf(tuple(found))


def join(a: Value, b: Value) -> Value:
    """Either of the two."""
    if a is b or a == b:
        return a
    by_kind = {part.family: part for part in a.parts}
    for part in b.parts:
        own = by_kind.get(part.family)
        by_kind[part.family] = part if own is None else own if own == part else own.joined(part)
    if len(by_kind) == 1:
        return next(iter(by_kind.values()))
    kinds = frozenset(by_kind)
    return _united(part.beside(kinds - {kind}) for kind, part in by_kind.items())


def join_all(values: Iterable[Value]) -> Value:
    found = list(values)
    if not found:
        return UNKNOWN
    result = found[0]
    for value in found[1:]:
        result = join(result, value)
    return result
