"""Codes that are made real numbers and the same codes again stay codes, wherever they are moved in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from runtime.int8.program import LOOP, Input, Op, Program, Ref, references
from runtime.int8.rewriting import rebuilt, without_unused

QUANTIZE, DEQUANTIZE = (f"runtime_int8.{name}.default" for name in ("quantize", "dequantize"))
_GETITEM = "number.getitem"
_MOVES = {
    *(f"aten.{name}.default" for name in ("view", "_unsafe_view", "permute", "expand", "unsqueeze", "clone", "alias")),
    *(f"aten.{name}" for name in ("squeeze.dim", "squeeze.dims", "squeeze.default", "t.default", "transpose.int")),
    *(f"aten.{name}" for name in ("slice.Tensor", "select.int", "flip.default", "index.Tensor")),
    *(f"aten.{name}" for name in ("split_with_sizes.default", "split.Tensor", "unbind.int")),
    _GETITEM,
}
"""Operations that return elements of their first argument, whatever these are."""
Grid = tuple[float, int]


class WithoutRoundTrips:
    """For `rebuilt`: quantizing what was just dequantized, and loops that do so at every step."""

    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], Grid] = {}
        """By loop and index of its result, on which grid codes are that were real numbers before."""

    def visit(self, op: Op, ops: list[Op], first: int) -> Op | Ref:
        if op.name == LOOP:
            return self._loop(op, ops, first)
        source = op.args[0] if op.args else None
        if op.name == _GETITEM and isinstance(source, Ref) and (source.number, op.args[1]) in self._parts:
            ops.append(op)
            return _real(Ref(first + len(ops) - 1), self._parts[source.number, op.args[1]], op)
        if op.name != QUANTIZE:
            return op
        found = _origin(source, ops, first)
        if found is None or found[0].args[1:] != op.args[1:]:
            return op
        dequantize, moves = found
        value: Ref = dequantize.args[0]
        for move in moves:
            ops.append(replace(move, args=(value, *move.args[1:])))
            value = Ref(first + len(ops) - 1)
        return value

    def _loop(self, op: Op, ops: list[Op], first: int) -> Op:
        """Parts of the state that steps quantize and dequantize are codes from step to step."""
        assert op.body is not None
        body, (steps, state) = op.body, op.args
        state = list(state)
        coded = {part: grid for part in range(len(state)) if (grid := _grid(body, part)) is not None}
        for part, grid in coded.items():
            ops.append(Op(QUANTIZE, (state[part], *grid), layer=op.layer))
            state[part] = Ref(first + len(ops) - 1)
        number = first + len(ops)
        self._parts.update({(number, part + 1): grid for part, grid in coded.items()})
        if 0 in coded:
            self._parts[number, 0] = coded[0]
        return replace(op, args=(steps, state), body=_on_codes(body, set(coded)))


def _real(codes: Ref, grid: Grid, op: Op) -> Op:
    return Op(DEQUANTIZE, (codes, *grid), layer=op.layer, shape=op.shape)


def _origin(value: Any, ops: list[Op], first: int) -> tuple[Op, list[Op]] | None:
    """The dequantization that a value comes from, and how its result was moved since."""
    moves: list[Op] = []
    while isinstance(value, Ref) and value.number >= first:
        op = ops[value.number - first]
        if op.name == DEQUANTIZE:
            return op, moves[::-1]
        if op.name not in _MOVES or op.kwargs:
            return None
        moves.append(op)
        value = op.args[0]
    return None


def _grid(body: Program, part: int) -> Grid | None:
    """The grid of a part of a loop's state that each step first quantizes and at its end dequantizes."""
    made, given = body.outputs.leaves()[part], Ref(part + 1)
    op = body.ops[made.number - len(body.inputs)] if isinstance(made, Ref) and made.number >= len(body.inputs) else None
    if op is None or op.name != DEQUANTIZE or given in body.outputs.leaves():
        return None
    scale, zero = op.args[1:]
    users = list(_users(body, given))
    return (scale, zero) if all(u.name == QUANTIZE and u.args[1:] == (scale, zero) for u in users) else None


def _users(program: Program, value: Ref) -> Iterator[Op]:
    return (op for op in program.ops if value in references(list(op.args)))


def _on_codes(body: Program, parts: set[int]) -> Program:
    given, start = {Ref(part + 1) for part in parts}, len(body.inputs)

    def visit(op: Op, ops: list[Op], first: int) -> Op | Ref:
        return op.args[0] if op.name == QUANTIZE and op.args[0] in given else op

    made = rebuilt(body, visit)
    leaves = made.outputs.leaves()
    waiting = iter([made.ops[v.number - start].args[0] if part in parts else v for part, v in enumerate(leaves)])
    outputs = made.outputs.map(lambda _: next(waiting))
    inputs = [Input(torch.uint8, x.sizes) if number - 1 in parts else x for number, x in enumerate(made.inputs)]
    return without_unused(Program(inputs, made.constants, made.ops, outputs, made.arguments))
