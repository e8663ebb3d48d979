"""Making a program shorter, with the same results."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

from runtime.int8.layouts import without_needless_copies
from runtime.int8.program import Op, Program, Ref, references
from runtime.int8.rewriting import Owned, rebuilt, without_unused
from runtime.int8.roundtrips import WithoutRoundTrips

_ADD, _CONV, _CONV_ADD = (f"runtime_int8.{name}.default" for name in ("add", "conv", "conv_add"))

_OF_CONV = 12
"""Arguments of a convolution that one with an addition takes as well, before the others."""


def simplify(program: Program) -> Program:
    """Equal operations once, no way there and back, no copy for nothing, an addition with the convolution before it."""
    return Owned().program(_shortened(program))


def _shortened(program: Program) -> Program:
    for op in program.ops:
        op.body = None if op.body is None else _shortened(op.body)
    program = without_unused(rebuilt(program, WithoutRoundTrips().visit))
    program = without_needless_copies(program)
    program = without_unused(rebuilt(program, _Sharing().visit))
    return without_unused(rebuilt(program, _AddAfterConv(program).visit))


class _Sharing:
    """An operation that was there before, with the same arguments."""

    def __init__(self) -> None:
        self.known: dict[str, Ref] = {}

    def visit(self, op: Op, ops: list[Op], first: int) -> Op | Ref:
        key = f"{op.name}{op.args!r}{op.kwargs!r}{id(op.body) if op.body else ''}"
        if key in self.known:
            return self.known[key]
        self.known[key] = Ref(first + len(ops))
        return op


class _Side(NamedTuple):
    """One operand of an addition."""

    value: Any
    multiplier: float
    zero: int

    @property
    def number(self) -> int:
        return self.value.number if isinstance(self.value, Ref) else -1


class _AddAfterConv:
    """The addition takes the convolution's place behind all that it needs; the convolution is left without use."""

    def __init__(self, program: Program) -> None:
        taken = [list(op.args) for op in program.ops] + [program.outputs.leaves()]
        self.uses = Counter(ref.number for ref in references(taken))

    def visit(self, op: Op, ops: list[Op], first: int) -> Op | Ref:
        if op.name != _ADD:
            return op
        a, b, a_multiplier, b_multiplier, a_zero, b_zero, *rest = op.args
        sides = (_Side(a, a_multiplier, a_zero), _Side(b, b_multiplier, b_zero))
        other, side = sorted(sides, key=lambda side: side.number)  # all that the later one needs is there before
        if other.number < first or self.uses[side.number] != 1:
            return op
        conv, beside = ops[side.number - first], ops[other.number - first]
        if conv.name != _CONV or conv.shape != beside.shape or conv.args[5] != side.zero:
            return op
        if any(arg is not None for arg in conv.args[_OF_CONV:]):
            return op  # sums below zero have a multiplier of their own
        added = (other.value, side.multiplier, other.multiplier, other.zero, *rest)
        return replace(op, name=_CONV_ADD, args=(*conv.args[:_OF_CONV], *added))
