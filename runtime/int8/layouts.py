"""Copies into torch's usual order in memory are left out where nobody goes by that order."""

from __future__ import annotations

import torch

from runtime.int8.program import Op, Program, Ref, references
from runtime.int8.rewriting import rebuilt, without_unused
from runtime.kernels.operators import PLAIN, ROWS

_CLONE = "aten.clone.default"
_OF_THEIR_OWN = {
    f"runtime_int8.{name}.default"
    for name in (
        *("conv", "conv_add", "conv_float", "conv_transpose", "conv_transpose_float"),
        *("linear", "linear_float", "linear_wide", "conv_wide", "conv_transpose_wide", "matmul"),
        *("max_pool", "adaptive_max_pool", "avg_pool", "adaptive_avg_pool", "mean", "softmax", "layer_norm", *ROWS),
    )
}
"""Operations that take any order, and whose results have one that does not depend on it."""
_AS_GIVEN = {
    *(f"runtime_int8.{name}.default" for name in ("add", "mul", "concat", "lookup", "quantize", *PLAIN - ROWS)),
    *(f"aten.{name}.default" for name in ("permute", "expand", "unsqueeze", "t")),
    *(
        f"aten.{name}"
        for name in ("transpose.int", "slice.Tensor", "select.int", "split.Tensor", "unbind.int", "index.Tensor")
    ),
    *(f"aten.{name}" for name in ("relu.default", "hardtanh.default", "clamp.default", "clamp_min.default")),
    *(f"aten.{name}.{kind}" for name in ("add", "sub", "mul") for kind in ("Tensor", "Scalar")),
    "aten.cat.default",
    "aten.split_with_sizes.default",
    "number.getitem",
    "number.size",
}
"""Operations that take any order, and whose results go by it."""


def without_needless_copies(program: Program) -> Program:
    """A copy stays if floating point, a view or a result of the program goes by what is made of it."""
    matters = _whose_order_matters(program)
    numbers = iter(range(len(program.inputs), len(program.inputs) + len(program.ops)))

    def visit(op: Op, ops: list[Op], first: int) -> Op | Ref:
        needless = next(numbers) not in matters and _orders(op)
        return op.args[0] if needless and isinstance(op.args[0], Ref) else op

    return without_unused(rebuilt(program, visit))


def _whose_order_matters(program: Program) -> set[int]:
    matters = {ref.number for ref in references(program.outputs.leaves())}
    for number, op in reversed(list(enumerate(program.ops, len(program.inputs)))):
        if op.name in _OF_THEIR_OWN or _orders(op) or (op.name in _AS_GIVEN and number not in matters):
            continue
        matters.update(ref.number for ref in references([list(op.args), list(op.kwargs.values())]))
    return matters


def _orders(op: Op) -> bool:
    return op.name == _CLONE and op.kwargs.get("memory_format") is torch.contiguous_format
