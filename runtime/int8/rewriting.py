"""Making one program out of another, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from runtime.int8.program import Constant, Op, Program, Ref, references

Visit = Callable[[Op, list[Op], int], "Op | Ref"]


def rebuilt(program: Program, visit: Visit) -> Program:
    """`visit` returns for each operation, with its arguments renumbered, what stands for it: another, or a value.

    It is also given the operations so far, to which it may add others that come before, and the number of the first.
    """
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


def without_unused(program: Program) -> Program:
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


class Owned:
    """Tensors of the program's own, which nobody changes. Operations on int8 weights share them only where all else is
    equal: they are packed for the scale of what they meet.
    """

    def __init__(self) -> None:
        self.copies: dict[Any, torch.Tensor] = {}

    def program(self, program: Program) -> Program:
        numbers: dict[Any, Constant] = {}

        def own(arg: Any, use: str) -> Any:
            if isinstance(arg, Constant):
                tensor = program.constants[arg.number]
                key = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), use)
                if key not in self.copies:
                    self.copies[key] = tensor.clone(memory_format=torch.contiguous_format)
                return numbers.setdefault(key, Constant(len(numbers)))
            return type(arg)(own(item, use) for item in arg) if isinstance(arg, (list, tuple)) else arg

        ops = []
        for op in program.ops:
            use = f"{op.name}{[a for a in op.args if not isinstance(a, (Ref, Constant))]}" if op.is_kernel else ""
            body = None if op.body is None else self.program(op.body)
            ops.append(replace(op, args=own(op.args, use), body=body))
        outputs = program.outputs.map(lambda leaf: own(leaf, ""))
        return Program(program.inputs, [self.copies[key] for key in numbers], ops, outputs, program.arguments)
