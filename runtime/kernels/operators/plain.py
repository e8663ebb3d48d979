"""Operators of kernels that treat every element or row alike: the reference's signature says what has to be checked."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from runtime.kernels import checks, reference
from runtime.kernels.dispatch import implementation
from runtime.kernels.native import abi
from runtime.kernels.native.plain import empty_result, takes_rows, type_of
from runtime.kernels.operators.register import operator


def plain_operator(name: str) -> Callable[..., Any]:
    """Tensors are codes or a row's numbers, whole numbers are codes, and other numbers are scales."""
    function = getattr(reference, name)
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: Any) -> Any:
        bound = signature.bind(*args)
        bound.apply_defaults()
        if takes_rows(name) and not args[0].dim():
            raise ValueError(f"{name} takes rows, not a tensor without dimensions")
        for parameter, value in bound.arguments.items():
            if isinstance(value, Tensor) and type_of(name, parameter) == torch.float32 and takes_rows(name):
                checks.floats(parameter, value, args[0].shape[-1:])
            elif isinstance(value, Tensor):
                checks.codes(parameter, value)
            elif isinstance(value, int):
                checks.code_range(0, 255, **{parameter: value})
            elif value is not None:
                checks.scale(**{parameter: value})
        return getattr(implementation(), name)(*args)

    return operator(lambda x, *rest: empty_result(name, x))(checked)


def plain_names(others: dict[str, Any]) -> list[str]:
    """The kernels that have a reference, and no operator among `others`."""
    return [name for name in abi.kernels() if hasattr(reference, name) and name not in others]
