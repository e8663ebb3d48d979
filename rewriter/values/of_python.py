"""Python's own functions, as far as what they return needs nothing but what they are given."""

from __future__ import annotations

from collections.abc import Callable

from rewriter.values.base import Call, Machine, Value
from rewriter.values.dictionary import DICT
from rewriter.values.handed import mapped
from rewriter.values.one_of import join_all
from rewriter.values.plain import NONE, NUMBER, OTHER, STRING, WHOLE
from rewriter.values.sequence import SHAPE, Sequence, sequence

RESULTS: dict[str, Value] = {
    "len": WHOLE, "int": WHOLE, "float": NUMBER, "bool": WHOLE, "round": NUMBER, "isinstance": WHOLE,
    "hasattr": WHOLE, "callable": WHOLE, "all": WHOLE, "any": WHOLE, "str": STRING, "repr": STRING,
    "range": SHAPE, "print": NONE, "type": OTHER, "id": WHOLE, "super": OTHER, "divmod": SHAPE, "dict": DICT,
}  # fmt: skip

WITHOUT_ARGUMENTS = RESULTS | dict.fromkeys(["list", "tuple", "set"], sequence(items=[]))
"""What they return where they are given nothing: `outputs = list()`."""


def _passed(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`list(xs)`: the same members."""
    items = values[0].items if isinstance(values[0], Sequence) else None
    return Sequence(values[0].member() if items is None else None, items)


def _itself(machine: Machine, call: Call, values: list[Value]) -> Value:
    return values[0]


def _next(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`next(it, default)`: one of the members."""
    return join_all([values[0].member(), *values[1:]])


def _turned_round(machine: Machine, call: Call, values: list[Value]) -> Value:
    return sequence(values[0].member())


def _zipped(machine: Machine, call: Call, values: list[Value]) -> Value:
    return sequence(sequence(items=[value.iterated() for value in values]))


def _counted(machine: Machine, call: Call, values: list[Value]) -> Value:
    return sequence(sequence(items=[WHOLE, values[0].iterated()]))


def _chosen(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`max(a, b)` and `max(xs)`: one of those given, or of those held."""
    return join_all([value.member() if value.may_be(Sequence) else value for value in values])


PASSING: dict[str, Callable[[Machine, Call, list[Value]], Value]] = {
    **dict.fromkeys(["list", "tuple", "sorted", "iter", "set"], _passed),
    **dict.fromkeys(["min", "max", "sum", "abs", "pow"], _chosen),
    "staticmethod": _itself, "next": _next, "reversed": _turned_round, "map": mapped, "zip": _zipped,
    "enumerate": _counted,
}  # fmt: skip
