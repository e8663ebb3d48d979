"""How much memory a program out of a file may take while it runs for the first time, when nobody has seen it run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from runtime.int8.program import NAMESPACE, Op, Step
from runtime.kernels.operators import PLAIN
from runtime.kernels.sizes import convolved, transposed

_WIDEST = 8
"""Bytes of the widest element that an operation of torch's may give."""
_VIEWS = set("view _unsafe_view permute expand unsqueeze alias squeeze t transpose slice select".split())
_VIEWS |= set("split_with_sizes split chunk unbind detach unflatten".split())
_AS_LARGE = PLAIN | set("quantize lookup softmax layer_norm concat mean".split())


class Allowance:
    """Half of the machine's memory, for all results together: until it has a plan, a program's results all stay."""

    def __init__(self) -> None:
        self.total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        self.used = 0

    def around(self, step: Step) -> Step:
        """Computes an operation if there is room for what it makes."""

        def guarded(op: Op, function: Callable[..., Any], args: list[Any]) -> Any:
            size = _bytes_made(op, function, args)
            self.used += size
            if self.used > self.total:
                raise MemoryError(f"{op.name} makes {size} bytes, and the program may not take more than {self.total}")
            return step(op, function, args)

        return guarded


def _bytes_made(op: Op, function: Callable[..., Any], args: list[Any]) -> int:
    """At most. Nothing is computed."""
    namespace, _, rest = op.name.partition(".")
    name = rest.partition(".")[0]
    if namespace == "number" or (namespace == "aten" and name in _VIEWS):
        return 0
    tensors = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
    if namespace == NAMESPACE:
        elements = _codes_made(name, args, tensors)
        if elements is not None:
            return 4 * elements
    elif name in ("clone", "cat", "_to_copy"):
        return _WIDEST * sum(tensor.numel() for tensor in tensors)
    elif name == "full":
        return _WIDEST * int(math.prod(args[0]))
    elif isinstance(function, torch._ops.OpOverload) and torch.Tag.pointwise in function.tags:
        return _WIDEST * _broadcast(tensors)
    return _bytes_faked(op, function, args)


def _codes_made(name: str, args: list[Any], tensors: Sequence[Tensor]) -> int | None:
    """Elements of a kernel's result."""
    if name in _AS_LARGE:
        return sum(tensor.numel() for tensor in tensors)
    if name in ("add", "mul"):
        return _broadcast(tensors)
    x, weight = args[0], args[1]
    if name.startswith("adaptive"):
        return int(x.shape[:2].numel() * math.prod(args[1]))
    if name in ("max_pool", "avg_pool"):
        axes = zip(x.shape[2:], args[2], args[3], strict=True)
        return int(x.shape[:2].numel() * math.prod((n + 2 * padding) // stride + 2 for n, stride, padding in axes))
    if name in ("linear", "linear_float", "linear_wide"):
        return int(x.shape[:-1].numel() * weight.shape[0])
    if name in ("conv", "conv_add"):
        return int(x.shape[0] * weight.shape[0] * math.prod(convolved(x.shape[2:], weight.shape[2:], *args[6:9])))
    if name in ("conv_float", "conv_wide"):
        return int(x.shape[0] * weight.shape[0] * math.prod(convolved(x.shape[2:], weight.shape[2:], *args[5:8])))
    if name.startswith("conv_transpose"):
        *geometry, groups = args[6:11] if name == "conv_transpose" else args[5:10]
        sizes = transposed(x.shape[2:], weight.shape[2:], *geometry)
        return int(x.shape[0] * weight.shape[1] * groups * math.prod(sizes))
    if name == "matmul":
        return int(_broadcast([x[..., :1, :1], weight[..., :1, :1]]) * x.shape[-2] * weight.shape[-1])
    return None


def _broadcast(tensors: Sequence[Tensor]) -> int:
    """Elements of what several tensors are together, each size the largest of theirs."""
    dims = max((tensor.dim() for tensor in tensors), default=0)
    shapes = [(*[1] * (dims - tensor.dim()), *tensor.shape) for tensor in tensors]
    return math.prod(max(sizes) for sizes in zip(*shapes, strict=True))


def _bytes_faked(op: Op, function: Callable[..., Any], args: list[Any]) -> int:
    """By torch's tensors without memory, which take an import of 80 MB themselves."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.no_grad(), FakeTensorMode() as fake:
        made = function(*tree_map_only(Tensor, fake.from_tensor, args), **op.kwargs)
    return sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(made) if isinstance(leaf, Tensor))
