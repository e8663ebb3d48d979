"""Functions whose operations are modules."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from runtime.modules.base import Operation
from runtime.modules.scripting import Scriptable
from runtime.modules.scripting.borrowed import in_place_of, with_names, with_part
from runtime.modules.scripting.functions import announce, find_announced
from runtime.modules.scripting.methods import overloaded, overloads, without_self
from runtime.modules.scripting.signatures import signatures
from runtime.modules.tracing import is_traced_by_fx

Ops = TypeVar("Ops", bound=nn.Module)

_being_made: list[type[nn.Module]] = []
"""The classes whose objects some `Call` is making right now."""


def as_module(function: Any) -> Any:
    """A module that calls `function`; what is not a function (a module, a class, None) is returned as it is."""
    if isinstance(function, nn.Module | type) or not callable(function):
        return function
    return Function(function)


class _SharedOf:
    """The modules of a function for all callers that bring none of their own, made when they are first needed.

    `shared[AddOps]` is the default in `def add(x, y, *, ops=shared[AddOps])`. Making the modules late lets `AddOps` name
    functions that stand further down in the file. Linters warn of calls in defaults, which this is not.
    """

    def __getitem__(self, ops: type[Ops]) -> Ops:
        return cast(Ops, _Shared.of(ops))

    def __call__(self, ops: type[Ops]) -> Ops:
        """`shared(AddOps)`, as earlier versions have written it."""
        return self[ops]


shared = _SharedOf()


class _Shared(type):
    """Stands for an object of a class until somebody asks it for something.

    It is a class itself: the default of a method whose object is made inside of what torch.compile compiles may be a
    class, but no other object.
    """

    ops: type[nn.Module]
    number: int

    @classmethod
    def of(cls, ops: type[nn.Module]) -> _Shared:
        stands = cls(f"shared[{ops.__name__}]", (), {"ops": ops, "number": len(_shared)})
        _shared.append(stands)
        announce(stands, ops.__module__, lambda function, keyword: with_names(function, keyword, _names(ops())))
        return stands

    def __getattr__(cls, name: str) -> Any:
        found = getattr(_object_of(cls.number), name)
        return _computed_by(found) if is_traced_by_fx() and isinstance(found, nn.Module) else found

    def __repr__(cls) -> str:
        return cls.__name__


_shared: list[_Shared] = []
_made: dict[int, nn.Module] = {}
"""By their numbers: torch.compile finds what is kept in a module, wherever it comes from."""


def _object_of(number: int) -> nn.Module:
    if number not in _made:
        _made[number] = _shared[number].ops()
    return _made[number]


def _computed_by(shared: nn.Module) -> Any:
    """What such a module computes, for a graph: it belongs to no model, so that no graph could name it."""
    if isinstance(shared, Function):
        return shared.forward if shared.method else shared.function
    if isinstance(shared, Call):
        return _call
    return _Parts(shared) if isinstance(shared, nn.ModuleList) else shared.forward


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


@dataclass(frozen=True)
class _Parts:
    """The same of a module for each turn of a loop."""

    shared: nn.ModuleList

    def __getitem__(self, turn: Any) -> Any:
        return _computed_by(self.shared[turn])


def _reached(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind `partial`, and behind decorators that say what they wrap and pass every keyword on."""
    function = _without_arguments(function)
    while wrapped := getattr(function, "__wrapped__", None):
        code = getattr(function, "__code__", None)
        if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
            break
        function = wrapped
    return function


def _without_arguments(function: Any) -> Any:
    """The function that `functools.partial` fixes arguments of."""
    return function.func if isinstance(function, functools.partial) else function


def _is_compiled_now(function: Callable[..., Any]) -> bool:
    """Whether `torch.jit.script_if_tracing` compiles what is called: TorchScript's functions take no modules."""
    return hasattr(_without_arguments(function), "__script_if_tracing_wrapper") and bool(torch._C._is_tracing())


def _wrapped_now(function: Callable[..., Any], arguments: Any) -> Callable[..., Any] | None:
    """What stands for a function under `torch.fx.wrap` while torch.fx traces: a graph has one call of it.

    torch.export traces by the same means, but with tensors: what they go through in the function is in its graph.
    """
    if torch.compiler.is_dynamo_compiling() or not isinstance(function, types.FunctionType):
        return None
    if not any(isinstance(leaf, torch.fx.Proxy) for leaf in tree_leaves(arguments)):
        return None
    found = function.__globals__.get(function.__name__)
    if not isinstance(found, types.FunctionType) or not hasattr(found, "_Patcher__fx_already_patched"):
        return None
    return found if inspect.unwrap(found) is function else None


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

    A function such as `def add(x, y, *, ops=shared[AddOps])` finds the modules for its operations in `ops`. Each
    `Function` makes an `AddOps` and passes it on, so that no two callers share modules. A function that takes no
    modules is called as it is. Of a method such as `torch.Tensor.kron`, the object that is given first is asked for its
    own, as `x.kron(y)` does.
    """

    __jit_ignored_attributes__ = ("function", "method")

    function: Callable[..., Any]
    method: str = ""
    """The name of a method of tensors."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        if (name := getattr(function, "__name__", "")) and getattr(torch.Tensor, name, None) is function:
            self.method = name
        # A module that a library calls by a name of its own is not a child of whoever calls it: keys stay what they were.
        object.__setattr__(self, "function", function)
        takes = _Takes.of(function)
        self.keyword = takes.keyword if takes is not None else None
        if takes is not None:
            find_announced()  # before a trace, which may compile the function
            self.ops = takes.ops()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.method:
            return getattr(args[0], self.method)(*args[1:], **kwargs)
        if self.keyword is None or _is_compiled_now(self.function):
            return self.function(*args, **kwargs)
        if (wrapped := _wrapped_now(self.function, (args, kwargs))) is not None:
            return wrapped(*args, **kwargs)
        kwargs.setdefault(self.keyword, self.ops)
        return self.function(*args, **kwargs)

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        if self.keyword is not None:
            return {"forward": [with_part(self.function, self.keyword)]}
        return {"forward": overloads(signatures(self.function, {}), {})}

    def extra_repr(self) -> str:
        fixed = self.function.keywords if isinstance(self.function, functools.partial) else {}
        name = getattr(_without_arguments(self.function), "__qualname__", repr(self.function))
        name = f"Tensor.{self.method}" if self.method else name
        if isinstance(of := getattr(self.function, "__self__", None), type):  # `LayerNorm.apply`
            name = f"{of.__qualname__}.{name.rpartition('.')[2]}"
        return ", ".join([name, *(f"{key}={value!r}" for key, value in fixed.items())])


class Call(nn.Module):
    """Calls the function that it is given, with modules of its own for each that it was told of.

    `self.call = Call(ATTENTION, eager_attention)` takes functions and tables of them; `self.call(function, *args)`
    stands for `function(*args)`. Of a method, as in `Call(Cache.update)`, it is told with all that override it, so
    that `self.call(cache.update, x)` serves whichever class the object is of. `Call(self.processor)` is told of the
    `__call__` of an object that is no module. Any other callable, and a function that
    takes no modules, is called as it is.
    """

    def __init__(self, *functions: Callable[..., Any] | Mapping[Any, Any]) -> None:
        super().__init__()
        self.known: dict[str, Callable[..., Any]] = {}
        self.keywords: dict[str, str] = {}
        for function in _told(functions):
            takes = _Takes.of(function)
            if takes is not None and function not in self.known.values() and takes.ops not in _being_made:
                name = self._free_name(_attribute(function))
                self.known[name] = function
                self.keywords[name] = takes.keyword
                self.add_module(name, self._made(takes.ops))

    @staticmethod
    def _made(ops: type[nn.Module]) -> nn.Module:
        """An object of the class, which may have a `Call` in turn; one for methods that call each other has an end."""
        _being_made.append(ops)
        try:
            return ops()
        finally:
            _being_made.pop()

    def _free_name(self, wanted: str) -> str:
        name, number = wanted, 2
        while hasattr(self, name):
            name, number = f"{wanted}{number}", number + 1
        return name

    def forward(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        run = _run_by(function)
        for name, known in self.known.items():  # torch.compile does not find the function of a method in a dict
            if known is run and not _is_compiled_now(known):
                kwargs.setdefault(self.keywords[name], getattr(self, name))
        return function(*args, **kwargs)

    def extra_repr(self) -> str:
        return "" if self.known else "no function that takes modules"


def _told(functions: Iterable[Callable[..., Any] | Mapping[Any, Any]]) -> Iterator[types.FunctionType]:
    for told in functions:
        held = told.values() if isinstance(told, Mapping) else [_called_by(told)]
        for function in held:
            if isinstance(function, types.FunctionType):
                yield function
                yield from _overriding(function)


def _called_by(told: Callable[..., Any]) -> Any:
    """The function that a call comes to: of an object that is no module, its class's `__call__`."""
    is_object = not isinstance(told, nn.Module | type | types.FunctionType | functools.partial)
    return inspect.getattr_static(type(told), "__call__", None) if is_object else told


def _overriding(method: types.FunctionType) -> Iterator[types.FunctionType]:
    """The methods of classes below a method's own that take its place."""
    *path, name = method.__qualname__.split(".")
    cls: Any = sys.modules.get(method.__module__)
    for part in path:
        cls = getattr(cls, part, None)
    if path and isinstance(cls, type) and vars(cls).get(name) is method:
        found = (vars(below).get(name) for below in _below(cls))
        yield from dict.fromkeys(other for other in found if isinstance(other, types.FunctionType))


def _below(cls: type) -> Iterator[type]:
    nearest: list[type] = cls.__subclasses__()
    for below in nearest:
        yield below
        yield from _below(below)


def _run_by(function: Any) -> Any:
    """The function behind a method of an object, or behind an object or a class that is called."""
    function = _without_arguments(function)
    if isinstance(function, type):
        return function.__init__  # type: ignore[misc]
    if isinstance(function, types.MethodType):
        return function.__func__
    if isinstance(function, types.FunctionType | types.BuiltinFunctionType | nn.Module):
        return function
    return getattr(type(function), "__call__", None)  # noqa: B004, the function itself is wanted


def _attribute(function: Callable[..., Any]) -> str:
    """`Cache_update` for a method, the name alone for any other function."""
    path = function.__qualname__.rpartition("<locals>.")[2].split(".")[:-1]
    return "_".join([*path, function.__name__])


def _names(ops: nn.Module) -> types.ModuleType:
    """For TorchScript: the parts of `ops` as functions, in a Python module, the one namespace that it looks into."""
    names = types.ModuleType(type(ops).__name__)
    for name, part in ops.named_children():
        setattr(names, name, _computing(part))
    return names


def _computing(part: nn.Module) -> Callable[..., Any] | None:
    if isinstance(part, Function) and part.method:
        return overloaded([without_self(method) for method in part.scripted()["forward"]])
    if isinstance(part, Function):
        return with_names(part.function, part.keyword, _names(part.ops)) if part.keyword else part.function
    if isinstance(part, Operation):
        return overloaded([without_self(method) for method in part.methods()])
    return next(iter(in_place_of(part, itself=False)), None)
