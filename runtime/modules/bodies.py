"""What the bodies of a module's classes say, below nn.Module, as far as a handle has to heed it."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

from torch import nn

_OF_A_HANDLE = (types.FunctionType, property, classmethod, staticmethod, functools.partialmethod)
"""What runs on the handle, with its parts; what any other descriptor says or keeps, the module itself is asked for."""

_KNOWN = ("torch.nn.", __name__.rpartition(".")[0])
"""Classes of torch's, and those here, do nothing of the kind when they run."""

_READING_THE_OBJECT = frozenset({"vars", "__dict__", "__getattribute__"})
_NEVER_RUN_ON_A_HANDLE = frozenset(
    """
    __new__ __init__ __getattr__ __setattr__ __delattr__ __dir__ __deepcopy__ __getstate__ __setstate__ extra_repr
    state_dict load_state_dict
    """.split()
)


@cache
def methods(cls: Any) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(n for body in _bodies(cls) for n, v in body.items() if isinstance(v, types.FunctionType))
    )


def of_the_module(cls: Any) -> dict[str, property]:
    """What would hide, or make anew, what the module itself has under that name.

    A class's values for attributes, what it computes once for each object, and descriptors that keep something there.
    """
    found: dict[str, property] = {}
    for body in _bodies(cls):
        for name, value in body.items():
            is_data = (
                not callable(value) if not hasattr(type(value), "__get__") else not isinstance(value, _OF_A_HANDLE)
            )
            if is_data and not name.startswith("__") and name not in found:
                found[name] = property(partial(_read, name), partial(_write, name), partial(_delete, name))
    return found


@cache
def reads_its_dict(cls: Any) -> bool:
    """Whether a method looks into the dict of its object: a handle's is another one."""
    bodies = (body for body in _bodies(cls) if not body.get("__module__", "").startswith(_KNOWN))
    values = (value for body in bodies for name, value in body.items() if name not in _NEVER_RUN_ON_A_HANDLE)
    return any(not _READING_THE_OBJECT.isdisjoint(_names(code)) for value in values for code in _codes(value))


def _bodies(cls: Any) -> Iterator[Any]:
    return (vars(base) for base in cls.__mro__[: cls.__mro__.index(nn.Module)])


def _codes(value: Any) -> Iterator[types.CodeType]:
    found = (value.fget, value.fset) if isinstance(value, property) else (getattr(value, "__func__", value),)
    for function in found:
        if isinstance(function, types.FunctionType):
            yield from {function.__code__, getattr(inspect.unwrap(function), "__code__", function.__code__)}


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _read(name: str, handle: Any) -> Any:
    return getattr(handle._stands.now(), name)


def _write(name: str, handle: Any, value: Any) -> None:
    setattr(handle._stands.now(), name, value)


def _delete(name: str, handle: Any) -> None:
    delattr(handle._stands.now(), name)
