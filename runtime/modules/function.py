"""Functions whose operations are modules."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, cast

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


def _reached(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind decorators that say what they wrap, and pass every keyword on."""
    while wrapped := getattr(function, "__wrapped__", None):
        code = getattr(function, "__code__", None)
        if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
            break
        function = wrapped
    return function


class _Takes(NamedTuple):
    """What a function wants to be given: a keyword, and an object of a class for it."""

    keyword: str
    ops: type[nn.Module]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> _Takes | None:
        defaults = getattr(_reached(function), "__kwdefaults__", None) or {}
        found = (cls(name, default.ops) for name, default in defaults.items() if isinstance(default, _Shared))
        return next(found, None)


class Function(Scriptable):
    """Calls `function` with modules of its own.

    A function such as `def add(x, y, *, ops=shared(AddOps))` finds the modules for its operations in `ops`. Each
    `Function` makes an `AddOps` and passes it on, so that no two callers share modules. A function that takes no
    modules is called as it is.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        takes = _Takes.of(function)
        self.keyword = takes.keyword if takes is not None else None
        if takes is not None:
            self.ops = takes.ops()

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
    """Calls the function that it is given, with modules of its own for each that it was told of.

    `self.call = Call(ATTENTION, eager_attention)` takes functions and tables of them; `self.call(function, *args)`
    stands for `function(*args)`. Any other callable, and a function that takes no modules, is called as it is.
    """

    def __init__(self, *functions: Callable[..., Any] | Mapping[Any, Any]) -> None:
        super().__init__()
        self.known: dict[Callable[..., Any], str] = {}
        self.keywords: dict[str, str] = {}
        for function in _told(functions):
            takes = _Takes.of(function)
            if takes is not None and function not in self.known:
                name = self._free_name(getattr(function, "__name__", "function"))
                self.known[function] = name
                self.keywords[name] = takes.keyword
                self.add_module(name, takes.ops())

    def _free_name(self, wanted: str) -> str:
        name, number = wanted, 2
        while hasattr(self, name):
            name, number = f"{wanted}{number}", number + 1
        return name

    def forward(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = self.known.get(function) if isinstance(function, types.FunctionType) else None
        if name is not None:
            kwargs.setdefault(self.keywords[name], getattr(self, name))
        return function(*args, **kwargs)

    def extra_repr(self) -> str:
        return "" if self.known else "no function that takes modules"


def _told(functions: Iterable[Callable[..., Any] | Mapping[Any, Any]]) -> Iterator[types.FunctionType]:
    for told in functions:
        held = told.values() if isinstance(told, Mapping) else [told]
        yield from (function for function in held if isinstance(function, types.FunctionType))


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
