"""What the functions of itertools run over: members of what they are given, one by one or several at once."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.values.base import Call, Value
from rewriter.values.one_of import join_all
from rewriter.values.plain import NONE
from rewriter.values.sequence import sequence

OVER_MEMBERS = frozenset(
    {
        "itertools.batched", "itertools.chain", "itertools.chain.from_iterable", "itertools.combinations",
        "itertools.combinations_with_replacement", "itertools.islice", "itertools.pairwise", "itertools.permutations",
        "itertools.product", "itertools.zip_longest",
    }
)  # fmt: skip
"""How often a loop over them turns, what they are given says."""


def yielded(name: str, call: Call, values: list[Value]) -> Value | None:
    """None for a function of which nothing is known here."""
    makes = _MAKING.get(name)
    if makes is None or not values or any(isinstance(given, ast.Starred) for given in call.node.args):
        return None
    return sequence(makes(call, values))


def _each(call: Call, values: list[Value]) -> Value:
    """`islice(xs, 3)`, `chain(xs, ys)`"""
    iterated = values[:1] if ast.unparse(call.node.func).endswith("islice") else values
    return join_all([value.iterated() for value in iterated])


def _of_each(call: Call, values: list[Value]) -> Value:
    """`chain.from_iterable(lists)`"""
    return values[0].iterated().iterated()


def _several(call: Call, values: list[Value]) -> Value:
    """`combinations(xs, 2)`: so many at once, where the source says how many."""
    number = call.node.args[1] if len(call.node.args) > 1 else None
    member = values[0].iterated()
    if isinstance(number, ast.Constant) and isinstance(number.value, int) and 0 < number.value < 9:
        return sequence(items=[member] * number.value)
    return sequence(member)


def _two(call: Call, values: list[Value]) -> Value:
    return sequence(items=[values[0].iterated()] * 2)


def _one_of_each(call: Call, values: list[Value]) -> Value:
    """`product(xs, ys)`"""
    repeated = any(keyword.arg == "repeat" for keyword in call.node.keywords)
    members = [call.arguments[node].iterated() for node in call.node.args]
    return sequence(join_all(members)) if repeated else sequence(items=members)


def _one_of_each_or_none(call: Call, values: list[Value]) -> Value:
    """`zip_longest(xs, ys)`"""
    filling = [call.arguments[k.value] for k in call.node.keywords if k.arg == "fillvalue"] or [NONE]
    return sequence(items=[join_all([call.arguments[node].iterated(), *filling]) for node in call.node.args])


_MAKING: dict[str, Callable[[Call, list[Value]], Value]] = {
    "itertools.islice": _each, "itertools.chain": _each, "itertools.chain.from_iterable": _of_each,
    "itertools.combinations": _several, "itertools.combinations_with_replacement": _several,
    "itertools.permutations": _several, "itertools.batched": _several, "itertools.pairwise": _two,
    "itertools.product": _one_of_each, "itertools.zip_longest": _one_of_each_or_none,
}  # fmt: skip
