"""Whether a program computes each part of a batch by itself: then a large batch may run as small ones, one by one.

A value is of the batch if its parts along the first dimension belong to those of the inputs. The program is walked
without computing anything, and every operation must be one whose parts come from the same parts of what it is given,
bit for bit: the int8 kernels, moves, and arithmetic that rounds each element by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from runtime.int8.program import Op, Program
from runtime.kernels.operators import PLAIN

BUDGET = 8 << 20
"""Bytes of activations that stay in the caches from one layer to the next."""
_SIZES = (1009, 1013)
"""Batches to walk with: what is the batch's size, and what depends on it, differs; no other size is one of them."""

_FIRST = set("quantize lookup linear linear_float linear_wide conv conv_float conv_wide".split())
_FIRST |= set("conv_transpose conv_transpose_float conv_transpose_wide".split())
_FIRST |= PLAIN | set("prelu adaptive_avg_pool adaptive_max_pool avg_pool max_pool".split())
"""Kernels of something of the batch and of what is the same for all, that leave the first of its dimensions alone."""
_ALONG = {"softmax": 0, "slice": 0, "select": 0, "unsqueeze": 0, "mean": 0, "split": 1, "split_with_sizes": 1}
"""Operations along some dimensions, and behind which argument those stand."""
_ADDED = 11
"""Behind which argument of conv_add what is added stands."""
_RESHAPED = {"view", "_unsafe_view", "expand", "clone", "contiguous", "detach", "alias"}
_ELEMENTS = set("add sub mul div neg abs relu maximum minimum clamp hardtanh round floor ceil trunc sqrt".split())
"""Of each element alone, int8 or in one rounding: nothing that would come out otherwise at the end of a vector."""


class _PartsMeet(Exception):
    """A result has something of two parts of the batch."""


def separable(program: Program) -> bool:
    """Whether slices of the inputs, along the first dimension, result in slices of all outputs."""
    if any(op.body is not None for op in program.ops):
        return False
    if any(None in sizes[1:] or sizes[:1] != (None,) for sizes in (given.sizes for given in program.inputs)):
        return False
    try:
        one, other = (_Walk(program, batch).told for batch in _SIZES)
    except Exception:  # besides _PartsMeet, what operations raise that need numbers, or a file that asks for nonsense
        return False
    return one == other


class _Walk:
    """The program with tensors that have no memory."""

    def __init__(self, program: Program, batch: int) -> None:
        self.batch = batch
        self.told: list[Any] = []
        """What operations are told besides tensors, and all sizes of what they make but the first."""
        inputs = [
            torch.empty([batch, *sizes[1:]], dtype=given.dtype, device="meta")
            for given in program.inputs
            for sizes in [tuple(size or 0 for size in given.sizes)]
        ]
        self._of_batch = {id(x) for x in inputs}
        with torch.no_grad():
            values = program.run(inputs, self._step)
        outputs = [program.given(leaf, values) for leaf in program.outputs.leaves()]
        if not all(id(leaf) in self._of_batch for leaf in outputs if leaf is not None):
            raise _PartsMeet

    def _step(self, op: Op, function: Callable[..., Any], args: list[Any]) -> Any:
        space, name, *_ = op.name.split(".")
        made = function(*tree_map_only(Tensor, _without_memory, args), **op.kwargs)
        results = [leaf for leaf in tree_leaves(made) if isinstance(leaf, Tensor)]
        if space == "number":
            return made
        if any(map(self._is, tree_leaves(args))):
            if not self._apart(name, args, results[0]) or any(x.shape[:1] != (self.batch,) for x in results):
                raise _PartsMeet
            self._of_batch.update(map(id, results))
        elif name == "expand" and made.shape[:1] == (self.batch,):  # the same for each part
            self._of_batch.add(id(made))
        if name not in _RESHAPED:
            self.told += [leaf for leaf in tree_leaves([args, op.kwargs]) if not isinstance(leaf, Tensor)]
        self.told += [x.shape[1:] for x in results]
        return made

    def _apart(self, name: str, args: list[Any], result: Tensor) -> bool:
        """Whether each part of the result comes from the same parts of those arguments that are of the batch."""
        x, *rest = args
        others = [leaf for leaf in tree_leaves(rest) if isinstance(leaf, Tensor)]
        if name == "conv_add":
            return self._is(x) and all(self._is(leaf) == (leaf is rest[_ADDED]) for leaf in others)
        if name in _ELEMENTS:
            return all(
                (leaf.dim() == result.dim()) == self._is(leaf) or (leaf.shape[0] == 1 and not self._is(leaf))
                for leaf in tree_leaves(args)
                if isinstance(leaf, Tensor)
            )
        if name == "matmul":
            return all(map(self._is, (x, rest[0]))) and x.dim() == rest[0].dim() > 2
        if name in ("concat", "cat"):
            joined_along = rest[-1] if rest else 0
            return all(map(self._is, x)) and joined_along % result.dim() != 0
        if not self._is(x) or any(map(self._is, others)) or x.dim() < 2:
            return False
        if name == "slice" and result.shape == x.shape:
            return True
        if name in _ALONG:
            along = rest[_ALONG[name]] if len(rest) > _ALONG[name] else 0
            return all(dim % max(x.dim(), result.dim()) for dim in (along if isinstance(along, list) else [along]))
        if name in ("layer_norm", "native_layer_norm"):
            return bool(x.dim() > len(rest[0]))
        return name in _FIRST or name in _RESHAPED or (name == "permute" and rest[0][0] == 0)

    def _is(self, leaf: Any) -> bool:
        return id(leaf) in self._of_batch


def _without_memory(x: Tensor) -> Tensor:
    return x if x.is_meta else torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")


def cut(batch: int, largest: int) -> list[slice]:
    """The parts of a batch, none larger than that, and all of about one size."""
    count = -(-batch // max(largest, 1))
    return [slice(batch * i // count, batch * (i + 1) // count) for i in range(count)]


def joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    """The slices of a batch together, laid out as the first is."""
    tensors = [part for part in parts if part is not None]
    if not tensors:
        return None
    first = tensors[0]
    shape = (sum(part.shape[0] for part in tensors), *first.shape[1:])
    order = sorted(range(first.dim()), key=first.stride, reverse=True)
    whole = torch.empty_permuted(shape, order, dtype=first.dtype)
    return torch.cat(tensors, out=whole)
