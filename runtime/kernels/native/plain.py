"""Native kernels that treat every element alike, or every row, need no glue of their own: it follows from their struct.

The struct has a pointer for each tensor that the reference takes, `out`, `length`, `threads`, and every number that the
reference takes, all by the reference's names. One of rows has `rows` besides: `length` is then that of the last
dimension, and tensors of float32 have one number for each element of it, or are left out.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runtime.kernels.native import abi, library

_TYPES = {"uint8_t": torch.uint8, "float": torch.float32}


def type_of(kernel: str, tensor: str) -> torch.dtype:
    """What the elements of a tensor are that the kernel is given, or of `out`."""
    return _TYPES[abi.element_type(kernel, tensor)]


def takes_rows(kernel: str) -> bool:
    return any(name == "rows" for name, _ in abi.arguments(kernel)._fields_)  # type: ignore[misc]


def empty_result(kernel: str, x: Tensor) -> Tensor:
    """A new tensor like the first that the kernel is given; rows lie one behind the other."""
    dtype = type_of(kernel, "out")
    return x.new_empty(x.shape, dtype=dtype) if takes_rows(kernel) else torch.empty_like(x, dtype=dtype)


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
            **{**given, **addresses}, **_sizes(kernel, out), out=out.data_ptr(), threads=torch.get_num_threads()
        )
        library.call(kernel, arguments)
        return out

    return call


def _sizes(kernel: str, out: Tensor) -> dict[str, int]:
    if not takes_rows(kernel):
        return {"length": out.numel()}
    length = out.shape[-1]
    return {"length": length, "rows": out.numel() // max(length, 1)}


def _as(x: Tensor, out: Tensor) -> Tensor:
    """`x`, in memory as `out` is; what has one number for each element of a row, in order."""
    if x.shape != out.shape:
        return x.contiguous()
    return x if x.stride() == out.stride() else torch.empty_like(out, dtype=x.dtype).copy_(x)
