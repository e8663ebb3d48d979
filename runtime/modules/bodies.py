"""What the bodies of a module's classes say, below nn.Module, as far as a handle has to heed it."""

from __future__ import annotations

import dis
import functools
import inspect
import types
from collections.abc import Iterator
from functools import cache
from typing import Any

from torch import nn

_OF_A_HANDLE = (types.FunctionType, property, classmethod, staticmethod, functools.partialmethod)
"""What runs on the handle, with its parts; what any other descriptor says or keeps, the module itself is asked for."""

_KNOWN = ("torch.nn.", __name__.rpartition(".")[0])
"""Classes of torch's, and those here, do nothing when they run that only the module itself could do."""

_READING_THE_OBJECT = frozenset({"vars", "__dict__", "__getattribute__", "__setattr__"})
_NEVER_RUN_ON_A_HANDLE = frozenset(
    """
    __new__ __init__ __init_subclass__ __getattr__ __setattr__ __delattr__ __dir__ __deepcopy__ __getstate__
    __setstate__ __reduce_ex__ __prepare_scriptable__ _replicate_for_data_parallel extra_repr state_dict load_state_dict
    """.split()
)
_SAYING_NOTHING = frozenset({"PRECALL", "CACHE", "PUSH_NULL", "NOP", "EXTENDED_ARG", "RESUME"})


@cache
def methods(cls: Any) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(n for body in _bodies(cls) for n, v in body.items() if isinstance(v, types.FunctionType))
    )


def of_the_module(cls: Any) -> dict[str, OfTheModule]:
    """What would hide, or make anew, what the module itself has under that name, and methods that only it can run.

    A class's values for attributes, what it computes once for each object, and descriptors that keep something there.
    """
    found = {name: OfTheModule(cls, name) for name in _needing_itself(cls) if not hasattr(nn.Module, name)}
    for body in _bodies(cls):
        for name, value in body.items():
            is_data = (
                not callable(value) if not hasattr(type(value), "__get__") else not isinstance(value, _OF_A_HANDLE)
            )
            if is_data and not name.startswith("__") and name not in found:
                found[name] = OfTheModule(cls, name)
    return found


class OfTheModule:
    """An attribute of a handle's class: read from and set on the module; the class itself has what the module's has."""

    def __init__(self, cls: Any, name: str) -> None:
        self.cls, self.name = cls, name

    def __get__(self, handle: Any, owner: type) -> Any:
        return getattr(self.cls if handle is None else handle._stands.now(), self.name)

    def __set__(self, handle: Any, value: Any) -> None:
        setattr(handle._stands.now(), self.name, value)

    def __delete__(self, handle: Any) -> None:
        delattr(handle._stands.now(), self.name)


@cache
def needs_itself(cls: Any) -> bool:
    """Whether only the module itself can run, since a handle has a dict and a class of its own.

    So it is where a method looks at these that nn.Module has as well, `forward` among them. Any other such method the
    module is asked for, unless code comes to it by another way than `self.method`.
    """
    needing = _needing_itself(cls)
    if any(hasattr(nn.Module, name) for name in needing):
        return True
    return bool(needing) and any(needing & set(_met_elsewhere(code)) for _, code in _written(cls))


@cache
def _needing_itself(cls: Any) -> frozenset[str]:
    """The methods that look into the dict of their object, or ask which class that is of."""
    return frozenset(name for name, code in _written(cls) if _needs_itself(code, name in _of_classes(cls)))


def _of_classes(cls: Any) -> set[str]:
    return {name for body in _bodies(cls) for name, value in body.items() if isinstance(value, classmethod)}


def _written(cls: Any) -> Iterator[tuple[str, types.CodeType]]:
    """What the classes say that may run on a handle, by name."""
    bodies = (body for body in _bodies(cls) if not body.get("__module__", "").startswith(_KNOWN))
    values = ((name, value) for body in bodies for name, value in body.items() if name not in _NEVER_RUN_ON_A_HANDLE)
    return ((name, code) for name, value in values for code in _codes(value))


def _met_elsewhere(code: types.CodeType) -> Iterator[str]:
    """The names that code reads of anything but its own object, as `super().method` does."""
    own = code.co_varnames[0] if code.co_argcount else ""
    for inside in _with_nested(code):
        steps = [step for step in dis.get_instructions(inside) if step.opname not in _SAYING_NOTHING]
        yield from (s.argval for at, s in enumerate(steps) if at and not _is_own(steps[at - 1 : at], own))


def _bodies(cls: Any) -> Iterator[Any]:
    return (vars(base) for base in cls.__mro__[: cls.__mro__.index(nn.Module)])


def _codes(value: Any) -> Iterator[types.CodeType]:
    """What runs where an attribute of a handle is read or called; what sets a property, the module itself runs."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if isinstance(function, types.FunctionType):
        yield from {function.__code__, getattr(inspect.unwrap(function), "__code__", function.__code__)}


def _needs_itself(code: types.CodeType, of_class: bool) -> bool:
    own = code.co_varnames[0] if code.co_argcount else ""
    for inside in _with_nested(code):
        if not _READING_THE_OBJECT.isdisjoint(inside.co_names):
            return True
        steps = [step for step in dis.get_instructions(inside) if step.opname not in _SAYING_NOTHING]
        if of_class and any(step.opname == "STORE_ATTR" for step in steps):
            return True
        if not {"type", "__class__"}.isdisjoint(inside.co_names) and _uses_class(steps, own):
            return True
    return False


def _uses_class(steps: list[dis.Instruction], own: str) -> bool:
    """Whether the class of the object is compared, set or handed on; to read what it has is another matter."""
    for at, step in enumerate(steps):
        if step.argval == "type" and _is_own(steps[at + 1 : at + 2], own):
            behind = steps[at + 3 : at + 4]
        elif step.argval == "__class__" and at and _is_own(steps[at - 1 : at], own):
            behind = steps[at + 1 : at + 2]
        else:
            continue
        if behind and not behind[0].opname.startswith(("LOAD_ATTR", "LOAD_METHOD")):
            return True
    return False


def _is_own(steps: list[dis.Instruction], own: str) -> bool:
    return bool(steps) and steps[0].argval == own and steps[0].opname.startswith(("LOAD_FAST", "LOAD_DEREF"))


def _with_nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _with_nested(constant)
