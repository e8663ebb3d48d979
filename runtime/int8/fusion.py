"""Making a program shorter, with the same results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

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


class _AddAfterConv:
    """The addition takes the convolution's place behind all that it needs; the convolution is left without use."""

    def __init__(self, program: Program) -> None:
        self.uses: dict[int, int] = {}
        for ref in [ref for op in program.ops for ref in references(list(op.args))] + list(
            references(program.outputs.leaves())
        ):
            self.uses[ref.number] = self.uses.get(ref.number, 0) + 1

    def visit(self, op: Op, ops: list[Op], first: int) -> Op | Ref:
        if op.name != _ADD:
            return op
        a, b, a_multiplier, b_multiplier, a_zero, b_zero, zero, low, high = op.args
        sides = [(a, a_multiplier, a_zero, b, b_multiplier, b_zero), (b, b_multiplier, b_zero, a, a_multiplier, a_zero)]
        sides.sort(key=lambda side: side[0].number if isinstance(side[0], Ref) else -1)
        side = sides[-1]
        conv = ops[side[0].number - first] if isinstance(side[0], Ref) and side[0].number >= first else None
        other = ops[side[3].number - first] if isinstance(side[3], Ref) and side[3].number >= first else None
        alone = isinstance(side[0], Ref) and self.uses[side[0].number] == 1 and a != b
        if conv is None or other is None or not alone or conv.name != _CONV or conv.shape != other.shape:
            return op
        _, multiplier, own_zero, beside, other_multiplier, other_zero = side
        if own_zero != conv.args[5]:
            return op
        added = (beside, multiplier, other_multiplier, other_zero, zero, low, high)
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
