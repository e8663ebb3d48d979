"""Numbers, strings, None, and whatever else is known to be of no interest."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.python.text_patterns import pattern_of, says_something
from rewriter.values.base import Call, Machine, Value
from rewriter.values.fixed import FIXED

MOST_TEXTS = 16
"""A string that may say more than that may as well say anything."""


@dataclass(frozen=True, slots=True)
class Number(Value):
    """An int, float, complex or bool."""

    is_whole: bool = False

    @property
    def is_fixed(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return NUMBER


@dataclass(frozen=True, slots=True)
class String(Value):
    """A str or bytes."""

    texts: frozenset[str] = frozenset()
    """What it may say; empty where that is not known."""
    pattern: str = ""
    """A regular expression for what it may say, where it is put together: `f"block{i}"`."""

    @property
    def is_fixed(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        assert isinstance(other, String)
        both = self.texts | other.texts
        return String(both) if self.texts and other.texts and len(both) <= MOST_TEXTS else STRING

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        return put_together(call.node) if func.attr == "format" else None


def put_together(node: ast.expr) -> String:
    """What an expression that makes a text may say."""
    pattern = pattern_of(node)
    return String(pattern=pattern) if says_something(pattern) else STRING


@dataclass(frozen=True, slots=True)
class Nothing(Value):
    """None."""

    @property
    def is_fixed(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Other(Value):
    """Something known that is of no other kind: a dtype, a device, an exception."""

    def joined(self, other: Value) -> Value:
        return OTHER

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return OTHER


@dataclass(frozen=True, slots=True)
class Fact(Other):
    """What a tensor or machine is like, without any of its numbers: a dtype, a device, the limits of a type."""

    is_whole: bool = False
    """It is the dtype of integers or booleans."""

    @property
    def is_fixed(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return FACT if isinstance(other, Fact) else OTHER

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return FIXED


NUMBER = Number()
WHOLE = Number(is_whole=True)
STRING = String()
NONE = Nothing()
OTHER = Other()
FACT = Fact()
