"""Numbers, strings, None, and whatever else is known to be of no interest."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.values.base import Value

MOST_TEXTS = 16
"""A string that may say more than that may as well say anything."""


@dataclass(frozen=True, slots=True)
class Number(Value):
    """An int, float, complex or bool."""


@dataclass(frozen=True, slots=True)
class String(Value):
    """A str or bytes."""

    texts: frozenset[str] = frozenset()
    """What it may say; empty where that is not known."""

    def joined(self, other: Value) -> Value:
        assert isinstance(other, String)
        both = self.texts | other.texts
        return String(both) if self.texts and other.texts and len(both) <= MOST_TEXTS else STRING


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
