"""Functions whose operations are modules."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from torch import nn

from runtime.modules.base import Operation
from runtime.modules.scripting import Scriptable
from runtime.modules.scripting.borrowed import in_place_of, with_names, with_part
from runtime.modules.scripting.functions import announce
from runtime.modules.scripting.methods import overloaded, overloads, without_self
from runtime.modules.scripting.signatures import signatures

Ops = TypeVar("Ops", bound=nn.Module)


def as_module(function: Any) -> Any:
    """A module that calls `function`; what is no function (a module, a class, None) is given back as it is."""
    if isinstance(function, nn.Module | type) or not callable(function):
        return function
    return Function(function)


def shared(ops: type[Ops]) -> Ops:
    """The modules of a function for all callers that bring none of their own, made when they are first needed.

    It is the default in `def add(x, y, *, ops=shared(AddOps))`. Making the modules late lets `AddOps` name functions
    that stand further down in the file.
    """
    return cast(Ops, _Shared(ops))


class _Shared:
    """Stands for an object of a class until somebody asks it for something."""

    def __init__(self, ops: type[nn.Module]) -> None:
        self.ops = ops
        self.made: nn.Module | None = None
        announce(self, ops.__module__, lambda function, keyword: with_names(function, keyword, _names(self.ops())))

    def __getattr__(self, name: str) -> Any:
        if self.made is None:
            self.made = self.ops()
        return getattr(self.made, name)

    def __repr__(self) -> str:
        return f"shared({self.ops.__name__})"


class Function(Scriptable):
    """Calls `function` with modules of its own.

    A function such as `def add(x, y, *, ops=shared(AddOps))` finds the modules for its operations in `ops`. Each
    `Function` makes an `AddOps` and passes it on, so that no two callers share modules. A function that takes no
    modules is called as it is.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        defaults = getattr(function, "__kwdefaults__", None) or {}
        self.keyword = next((name for name, default in defaults.items() if isinstance(default, _Shared)), None)
        if self.keyword is not None:
            self.ops = defaults[self.keyword].ops()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.keyword is not None:
            kwargs.setdefault(self.keyword, self.ops)
        return self.function(*args, **kwargs)

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        if self.keyword is not None:
            return {"forward": [with_part(self.function, self.keyword)]}
        return {"forward": overloads(signatures(self.function, {}), {})}

    def extra_repr(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


class Call(nn.Module):
    """Calls the function that it is given at each call: a module for an operation that is chosen when the code runs."""

    def forward(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)


def _names(ops: nn.Module) -> types.ModuleType:
    """For TorchScript: the parts of `ops` as functions, in a Python module, the one namespace that it looks into."""
    names = types.ModuleType(type(ops).__name__)
    for name, part in ops.named_children():
        setattr(names, name, _computing(part))
    return names


def _computing(part: nn.Module) -> Callable[..., Any] | None:
    if isinstance(part, Function):
        return with_names(part.function, part.keyword, _names(part.ops)) if part.keyword else part.function
    if isinstance(part, Operation):
        return overloaded([without_self(method) for method in part.methods()])
    return next(iter(in_place_of(part, itself=False)), None)
