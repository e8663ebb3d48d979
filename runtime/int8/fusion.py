"""Making a program shorter, with the same results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from runtime.int8.program import Constant, Op, Program, Ref, references

_ADD, _CONV, _CONV_ADD = (f"runtime_int8.{name}.default" for name in ("add", "conv", "conv_add"))
_QUANTIZE, _DEQUANTIZE = (f"runtime_int8.{name}.default" for name in ("quantize", "dequantize"))


def simplify(program: Program) -> Program:
    """Equal operations once, no way there and back, an addition together with the convolution before it."""
    program = _rebuilt(program, _Sharing().visit)
    program = _without_unused(program)
    program = _without_unused(_rebuilt(program, _AddAfterConv(program).visit))
    return _own_weights(program)


Visit = Callable[[Op, list[Op], int], "Op | Ref"]


def _rebuilt(program: Program, visit: Visit) -> Program:
    """`visit` gives for each operation, with its arguments renumbered, what stands for it: another, or a value."""
    first = len(program.inputs)
    now: list[Ref] = [Ref(number) for number in range(first)]
    ops: list[Op] = []
    for op in program.ops:
        chosen = visit(replace(op, args=_renumbered(op.args, now)), ops, first)
        if isinstance(chosen, Op):
            ops.append(chosen)
            chosen = Ref(first + len(ops) - 1)
        now.append(chosen)
    outputs = program.outputs.map(lambda leaf: _renumbered(leaf, now))
    return Program(program.inputs, program.constants, ops, outputs, program.arguments)


def _renumbered(arg: Any, now: list[Ref]) -> Any:
    if isinstance(arg, Ref):
        return now[arg.number]
    return type(arg)(_renumbered(item, now) for item in arg) if isinstance(arg, (list, tuple)) else arg


class _Sharing:
    """An operation that was there before, with the same arguments; quantizing what was just dequantized."""

    def __init__(self) -> None:
        self.known: dict[str, Ref] = {}

    def visit(self, op: Op, ops: list[Op], first: int) -> Op | Ref:
        if op.name == _QUANTIZE and isinstance(op.args[0], Ref) and op.args[0].number >= first:
            before = ops[op.args[0].number - first]
            if before.name == _DEQUANTIZE and before.args[1:] == op.args[1:]:
                source: Ref = before.args[0]
                return source
        key = f"{op.name}{op.args!r}{op.kwargs!r}"
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
        added = (other.value, side.multiplier, other.multiplier, other.zero, *rest)
        return replace(op, name=_CONV_ADD, args=(*conv.args, *added))


def _without_unused(program: Program) -> Program:
    """Without the operations whose results nobody takes."""
    first = len(program.inputs)
    wanted = {ref.number for ref in references(program.outputs.leaves())}
    for number, op in reversed(list(enumerate(program.ops, first))):
        if number in wanted:
            wanted.update(ref.number for ref in references([list(op.args), list(op.kwargs.values())]))
    kept: list[Op] = []
    now = [Ref(number) for number in range(first)]
    for number, op in enumerate(program.ops, first):
        if number in wanted:
            kept.append(replace(op, args=_renumbered(op.args, now)))
        now.append(Ref(first + len(kept) - 1))
    outputs = program.outputs.map(lambda leaf: _renumbered(leaf, now))
    return _with_used_constants(Program(program.inputs, program.constants, kept, outputs, program.arguments))


def _with_used_constants(program: Program) -> Program:
    now: dict[int, Constant] = {}
    kept: list[torch.Tensor] = []

    def moved(arg: Any) -> Any:
        if isinstance(arg, Constant):
            if arg.number not in now:
                now[arg.number] = Constant(len(kept))
                kept.append(program.constants[arg.number])
            return now[arg.number]
        return type(arg)(moved(item) for item in arg) if isinstance(arg, (list, tuple)) else arg

    ops = [replace(op, args=moved(op.args)) for op in program.ops]
    outputs = program.outputs.map(moved)
    return Program(program.inputs, kept, ops, outputs, program.arguments)


def _own_weights(program: Program) -> Program:
    """Tensors of the program's own, which nobody changes, and for each operation on int8 weights weights of its own:
    they are packed for the scale of what they meet.
    """
    constants: list[torch.Tensor] = []

    def own(arg: Any) -> Any:
        if isinstance(arg, Constant):
            constants.append(program.constants[arg.number].clone(memory_format=torch.contiguous_format))
            return Constant(len(constants) - 1)
        return type(arg)(own(item) for item in arg) if isinstance(arg, (list, tuple)) else arg

    ops = [replace(op, args=own(op.args)) for op in program.ops]
    outputs = program.outputs.map(own)
    return Program(program.inputs, constants, ops, outputs, program.arguments)
