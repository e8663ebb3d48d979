"""Functions of Python's that run the function that they are given: `map`, `reduce` and their like."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.fixed import Fixed
from rewriter.values.functions import BoundMethod, NestedFunction, SomeFunction
from rewriter.values.modules import Module
from rewriter.values.one_of import join_all
from rewriter.values.sequence import Sequence, sequence
from rewriter.values.tensor import ASSUMED, holds_tensor

Runs = Callable[[Machine, Call, list[Value]], Value]


def mapped(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`map(function, xs)`: once for each member, where it is known how many there are."""
    over, function = call.node.args[1:], call.node.args[0] if call.node.args else None
    if len(values) < 2 or len(over) != len(values) - 1:
        return UNKNOWN
    if isinstance(function, ast.Attribute) and machine.is_stored_on_own(function) and values[0].is_only(Module):
        machine.note_mapped(call.node, function.attr, values[0])
    known = [value.items for value in values[1:] if isinstance(value, Sequence) and value.items is not None]
    if len(known) == len(over):
        return sequence(items=[_run(machine, call, over, list(turn)) for turn in zip(*known, strict=False)])
    members = [value.iterated() for value in values[1:]]
    return sequence(machine.in_loop(lambda: _run(machine, call, over, members)))


def _starmapped(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`itertools.starmap(function, pairs)`"""
    pair = values[1].iterated()
    if not isinstance(pair, Sequence) or pair.items is None:
        return sequence(UNKNOWN)
    places: list[ast.expr] = [ast.copy_location(ast.Name(f"_{i}"), call.node) for i in range(len(pair.items))]
    members = list(pair.items)
    return sequence(machine.in_loop(lambda: _run(machine, call, places, members)))


def _reduced(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`functools.reduce(function, xs)`: what the function makes of the result so far and of the next member."""
    return _folded(machine, call, values[0], [values[1].iterated(), *values[2:]])


def _accumulated(machine: Machine, call: Call, values: list[Value]) -> Value:
    """`itertools.accumulate(xs, function)`"""
    return sequence(_folded(machine, call, values[1], [values[0].iterated()]))


def _folded(machine: Machine, call: Call, function: Value, first: list[Value]) -> Value:
    start = join_all(first)
    places: list[ast.expr] = [ast.copy_location(ast.Name(name), call.node) for name in ("_so_far", "_next")]
    turn = ast.copy_location(ast.Call(call.node.func, places, []), call.node)
    found = machine.in_loop(lambda: _of(machine, function, Call(turn, dict.fromkeys(places, start))))
    return join_all([start, found])


def _run(machine: Machine, call: Call, places: list[ast.expr], values: list[Value]) -> Value:
    """One turn: the function that is given first, called with these values in the places of what it runs over."""
    turn = ast.copy_location(ast.Call(call.node.args[0], places, []), call.node)
    return _of(machine, call.arguments[call.node.args[0]], Call(turn, dict(zip(places, values, strict=True))))


def _of(machine: Machine, function: Value, turn: Call) -> Value:
    """What the function returns; the call is none that the source has, so that nothing can be put in its place."""
    if isinstance(function, SomeFunction) and function.is_operation:
        return ASSUMED
    found = function.run(machine, turn)
    computes = isinstance(function, NestedFunction | BoundMethod | Module | Fixed)
    if found is None and (computes or not any(map(holds_tensor, turn.arguments.values()))):
        found = machine.call_value(function, turn)
    machine.note_nothing(turn.node)
    return UNKNOWN if found is None else found


RUNNING: dict[str, Runs] = {
    "functools.reduce": _reduced, "itertools.accumulate": _accumulated, "itertools.starmap": _starmapped,
}  # fmt: skip
