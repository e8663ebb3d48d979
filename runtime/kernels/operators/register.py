"""How a function becomes a torch operator."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from runtime.kernels import dispatch

_LIBRARY = torch.library.Library("runtime_int8", "DEF")  # type: ignore[no-untyped-call]
Function = TypeVar("Function", bound=Callable[..., Any])


def operator(fake: Callable[..., Any]) -> Callable[[Function], Function]:
    """Registers a function as `torch.ops.runtime_int8.<its name>`.

    `fake` only makes empty results, and says by them how results lie in memory, whatever computes them.
    """

    def register(function: Function) -> Function:
        name = function.__name__

        @functools.wraps(function)
        def serve(*args: Any) -> Any:
            result = function(*args)
            return _laid_out(result, fake(*args)) if dispatch.selected() == dispatch.REFERENCE else result

        schema = torch.library.infer_schema(function, mutates_args=())
        _LIBRARY.define(f"{name}{schema}")  # type: ignore[no-untyped-call]
        _LIBRARY.impl(name, serve, "CPU")  # type: ignore[no-untyped-call]
        torch.library.register_fake(f"runtime_int8::{name}", fake, lib=_LIBRARY)
        packet = getattr(torch.ops.runtime_int8, name)

        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            return packet(*args, **named)

        return cast(Function, call)

    return register


def _laid_out(result: Any, empty: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(_laid_out(*pair) for pair in zip(result, empty, strict=True))
    laid_out: Tensor = result if result.stride() == empty.stride() else empty.copy_(result)
    return laid_out
