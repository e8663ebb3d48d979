"""Functions that take their modules by a keyword that has a default, which TorchScript does not allow.

TorchScript asks a function that has a `__prepare_scriptable__` for another to compile in its place. A function cannot
be given one before it is defined, so its default is announced, and the function found when something is compiled.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

Replacement = Callable[[Callable[..., Any], str], Callable[..., Any]]


@dataclass(frozen=True)
class Announced:
    default: object
    module: str
    """The name of the Python module whose functions have the default."""
    replacement: Replacement
    """Makes the function to compile from the function and its keyword."""


_announced: list[Announced] = []


def announce(default: object, module: str, replacement: Replacement) -> None:
    find_announced()
    _announced.append(Announced(default, module, replacement))


def find_announced() -> None:
    """Lets TorchScript know the functions that have been defined meanwhile."""
    for announced in _announced:
        for function in functions_of(announced.module):
            original = undecorated(function)
            for keyword, default in (original.__kwdefaults__ or {}).items():
                if default is announced.default:
                    prepare = cache(partial(announced.replacement, original, keyword))
                    function.__prepare_scriptable__ = prepare  # type: ignore[attr-defined]
                    original.__prepare_scriptable__ = prepare
    _announced.clear()


def undecorated(function: Any) -> Any:
    """What TorchScript compiles of a function: `torch.jit.script_if_tracing` puts another around it."""
    return getattr(function, "__original_fn", function)


def functions_of(module: str) -> list[types.FunctionType]:
    known = vars(sys.modules[module]).values() if module in sys.modules else ()
    return [value for value in known if isinstance(value, types.FunctionType)]
