"""What an expression may be in two runs of the same code, one of which meets a module more."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce


class Thing(Enum):
    SAME = "the same in both runs"
    ANY = "may differ between the runs"
    OBJECT = "the object itself"
    MODULE = "the new module"
    NAME = "a text of which a part between dots is the new module's name"
    CLASS = "the new module's class"
    CLASS_NAME = "the name of the new module's class"
    DOTTED = "a text, the same in both runs, that ends in a dot"
    POSITIVE = "how long the new module's name is"
    EMPTY = "something to go through in which there is nothing"
    FRESH = "a collection made here that nobody else has"


SAME, ANY, OBJECT, MODULE, NAME, CLASS, CLASS_NAME, DOTTED, POSITIVE, EMPTY, FRESH = Thing


@dataclass(frozen=True)
class Const:
    """What the code itself says: a number, a text, a truth value, None."""

    value: bool | int | float | complex | str | bytes | None


@dataclass(frozen=True)
class Pair:
    """A tuple or list with as many items."""

    items: tuple[Value, ...]


@dataclass(frozen=True)
class Grown:
    """A collection that may have an item more in one of the runs."""

    extra: Value
    """The item, or the key of it."""
    value: Value = SAME
    """What a table has under the key."""
    rest: Value = SAME
    """What the items are that both runs have."""
    is_table: bool = False
    first_is_object: bool = False
    """The object itself is what both runs meet first."""


@dataclass(frozen=True)
class Texts:
    """None, or a list that both runs have, whose members are among these texts."""

    of: frozenset[str]


Value = Thing | Const | Pair | Grown | Texts
NONE = Const(None)
NEW = (MODULE, NAME, CLASS)
"""What is equal to nothing that both runs have."""


class Tells(Exception):
    """The runs may differ in something that is seen."""


class Fails(Tells):
    """What is asked of the new module raises an error."""

    def __init__(self, error: str = "AttributeError") -> None:
        super().__init__()
        self.error = error


def is_settled(value: Value) -> bool:
    """Whether the value is the same in both runs."""
    if isinstance(value, Pair):
        return all(map(is_settled, value.items))
    return isinstance(value, Const | Texts) or value in (SAME, FRESH, OBJECT, DOTTED)


def truth(value: Value) -> bool | None:
    """True or False where that is known."""
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, Pair):
        return bool(value.items)
    return True if value in (OBJECT, MODULE, NAME, CLASS, CLASS_NAME, DOTTED, POSITIVE) else None


def either(one: Value, other: Value) -> Value:
    """One of two values, by something that is the same in both runs."""
    if one == other:
        return one
    if isinstance(one, Pair) and isinstance(other, Pair) and len(one.items) == len(other.items):
        return Pair(tuple(map(either, one.items, other.items)))
    if is_settled(one) and is_settled(other):
        return SAME
    grown, same = (one, other) if isinstance(one, Grown) else (other, one)
    return grown if isinstance(grown, Grown) and is_settled(same) else ANY


def one_of(values: Sequence[Value]) -> Value:
    """One of several values, by something that is the same in both runs."""
    return reduce(either, values)


def said(node: ast.expr | None) -> Value:
    """What a constant of the code is; what else it says is the same in both runs."""
    return Const(node.value) if isinstance(node, ast.Constant) and node.value is not ... else SAME


def in_one_run(before: Value | None, after: Value) -> Value:
    """A variable that only one of the runs has set."""
    if before == after and isinstance(after, Const | Grown):
        return after
    return after if isinstance(after, Grown) and (before is FRESH or isinstance(before, Grown)) else ANY


def items_of(value: Value) -> tuple[Value, Value | None]:
    """What going through a collection meets in both runs, and in one of them alone."""
    if isinstance(value, Grown):
        return value.rest, value.extra
    if isinstance(value, Pair):
        return one_of(value.items or (SAME,)), None
    return (SAME, None) if is_settled(value) else (ANY, ANY)
