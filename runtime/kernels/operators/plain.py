"""Operators of kernels that treat every element alike: the reference's signature says what has to be checked."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor

from runtime.kernels import checks, reference
from runtime.kernels.dispatch import implementation
from runtime.kernels.native import abi
from runtime.kernels.native.plain import empty_result
from runtime.kernels.operators.register import operator


def plain_operator(name: str) -> Callable[..., Any]:
    """Tensors are codes, whole numbers are codes as well, and other numbers are scales."""
    function = getattr(reference, name)
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: Any) -> Any:
        bound = signature.bind(*args)
        bound.apply_defaults()
        for parameter, value in bound.arguments.items():
            if isinstance(value, Tensor):
                checks.codes(parameter, value)
            elif isinstance(value, int):
                checks.code_range(0, 255, **{parameter: value})
            else:
                checks.scale(**{parameter: value})
        return getattr(implementation(), name)(*args)

    return operator(lambda x, *rest: empty_result(name, x))(checked)


def plain_names(others: dict[str, Any]) -> list[str]:
    """The kernels that have a reference, and no operator among `others`."""
    return [name for name in abi.kernels() if hasattr(reference, name) and name not in others]
