"""Numbers, strings, None, and whatever else is known to be of no interest."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.values.base import Value


@dataclass(frozen=True, slots=True)
class Number(Value):
    """An int, float, complex or bool."""


@dataclass(frozen=True, slots=True)
class String(Value):
    """A str or bytes."""


@dataclass(frozen=True, slots=True)
class Nothing(Value):
    """None."""


@dataclass(frozen=True, slots=True)
class Other(Value):
    """Something known that is of no other kind: a dtype, a device, an exception."""

    def joined(self, other: Value) -> Value:
        return OTHER

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return OTHER


NUMBER = Number()
STRING = String()
NONE = Nothing()
OTHER = Other()
