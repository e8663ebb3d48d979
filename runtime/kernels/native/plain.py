"""Native kernels that treat every element alike need no glue of their own: it follows from their struct.

The struct has a pointer for each tensor that the reference takes, `out`, `length`, `threads`, and every number that the
reference takes, all by the reference's names.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runtime.kernels.native import abi, library

_TYPES = {"uint8_t": torch.uint8, "float": torch.float32}


def result_type(kernel: str) -> torch.dtype:
    """What the elements of `out` are."""
    return _TYPES[abi.element_type(kernel, "out")]


def empty_result(kernel: str, x: Tensor) -> Tensor:
    """A new tensor like the first that the kernel is given."""
    return torch.empty_like(x, dtype=result_type(kernel))


def plain(kernel: str, reference: Callable[..., Any]) -> Callable[..., Tensor]:
    """Calls the kernel as the reference is called."""
    signature = inspect.signature(reference)

    def call(*args: Any) -> Tensor:
        bound = signature.bind(*args)
        bound.apply_defaults()
        given = bound.arguments
        tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
        out = empty_result(kernel, next(iter(tensors.values())))
        placed = {name: _as(value, out) for name, value in tensors.items()}
        addresses = {name: value.data_ptr() for name, value in placed.items()}
        arguments = abi.arguments(kernel)(
            **{**given, **addresses}, out=out.data_ptr(), length=out.numel(), threads=torch.get_num_threads()
        )
        library.call(kernel, arguments)
        return out

    return call


def _as(x: Tensor, out: Tensor) -> Tensor:
    """`x`, in memory as `out` is."""
    return x if x.stride() == out.stride() else torch.empty_like(out, dtype=x.dtype).copy_(x)
