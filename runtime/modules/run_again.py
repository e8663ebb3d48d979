"""A method that runs again, on modules of its own: for methods that cannot be told which of their calls is running."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from inspect import getattr_static
from typing import Any

from torch import nn

from runtime.modules.handles import Handle, handle_of, is_second_name
from runtime.modules.places import standing
from runtime.modules.tracing import is_watched

_FINDING_ANY = frozenset(
    "__dict__ _modules children get_submodule getattr modules named_children named_modules vars".split()
)
"""What code that names one of these may come to, no name in it says."""


class RunAgain(nn.Module):
    """`self.again(self.mix)(x)` is `self.mix(x)`, where a handle runs in the place of each module of the object.

    `RunAgain(self, "mix")` has a handle for each module that the method may come to: those that it names, or that a
    method names that it calls. While the method runs it finds them under the names that the modules have. All else on
    the object is what it is. The handles follow: they stand for what the object has later.

    The method may be another one on the object than on its class, and nothing is added to what it takes. Where a graph
    is made of what runs it runs as it is.
    """

    def __init__(self, owner: nn.Module, method: str, *around: str) -> None:
        """`around` are the methods that run this one on handles: what it would run of them again, it runs as it is."""
        super().__init__()
        self.__dict__.update(_owner=owner, _method=method, _around=around, _made_for=frozenset())
        self.training = owner.training
        self.take_up_parts()

    def forward(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return method if is_watched() else partial(self._run, method)

    def _run(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        own = getattr(method, "__self__", None)
        if not isinstance(own, nn.Module):
            return method(*args, **kwargs)
        self.take_up_parts()
        before = own.__dict__["_modules"]
        modules = before.own if isinstance(before, _Others) else before
        own.__dict__["_modules"] = _Others(modules, self.__dict__["_modules"])
        try:
            return method(*args, **kwargs)
        finally:
            own.__dict__["_modules"] = before

    def take_up_parts(self) -> None:
        """Has a handle for each module that the method may come to now."""
        if isinstance(self, Handle):  # of a model that is called twice: its parts are handles of these
            standing(self).take_up_parts()
            return
        owner: nn.Module = self.__dict__["_owner"]
        parts, modules = self.__dict__["_modules"], owner.__dict__["_modules"]
        if getattr(self, "_is_replica", False) or self.__dict__["_made_for"] == modules.keys():
            return
        self.__dict__["_made_for"] = frozenset(modules)
        method, around = self.__dict__["_method"], self.__dict__["_around"]
        named, outer = _names_met(owner, method), {method, *around}
        for name, module in list(modules.items()):
            if name not in parts and module is not None and name in named and outer.isdisjoint(_methods_again(module)):
                parts[name] = self._part(name, module)

    def _part(self, name: str, module: nn.Module) -> nn.Module:
        if isinstance(module, RunAgain):
            return module.one_more(self.__dict__["_method"], *self.__dict__["_around"])
        if isinstance(module, nn.ModuleList) and _methods_again(module):
            return type(module)(self._part(name, one) for one in module)
        handle = handle_of(module, parts=True)
        if isinstance(handle, Handle):
            stands = standing(handle)
            stands.place = (self, name)
            stands.home = (self.__dict__["_owner"], name) if stands.home is None else stands.home
        return handle

    def one_more(self, *around: str) -> RunAgain:
        """For a further run of the method."""
        return RunAgain(self.__dict__["_owner"], self.__dict__["_method"], *(around or self.__dict__["_around"]))

    def named_children(self) -> Iterator[tuple[str, nn.Module]]:
        """Without handles of modules that the owner has as children itself."""
        self.take_up_parts()
        return (named for named in super().named_children() if not is_second_name(named[1]))

    def named_modules(self, *args: Any, **options: Any) -> Iterator[tuple[str, nn.Module]]:
        self.take_up_parts()
        yield from super().named_modules(*args, **options)

    def extra_repr(self) -> str:
        return repr(self.__dict__["_method"])


def _methods_again(module: nn.Module) -> set[str]:
    """The methods that it runs again, or that the members of a list do."""
    if isinstance(module, RunAgain):
        return {module.__dict__["_method"]}
    return set().union(*map(_methods_again, module)) if isinstance(module, nn.ModuleList) else set()


class _Others(dict[str, Any]):
    """The modules of an object, where a name stands for another one than the object has. What is put there, it has."""

    def __init__(self, own: dict[str, Any], others: dict[str, Any]) -> None:
        super().__init__(own)
        self.own, self.others = own, others

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        return found if found is None else self.others.get(name, found)

    def __setitem__(self, name: str, module: Any) -> None:
        self.own[name] = module
        super().__setitem__(name, module)

    def __delitem__(self, name: str) -> None:
        del self.own[name]
        super().__delitem__(name)


class _All:
    """Of names: all that there are."""

    def __contains__(self, name: str) -> bool:
        return True


def _names_met(owner: nn.Module, method: str) -> set[str] | _All:
    """What a method of an object names, and the methods of the object that it names."""
    found, left = set[str](), [method]
    while left:
        name = left.pop()
        for code in _codes(getattr_static(owner, name, None)):
            names = set(_said(code))
            if names & _FINDING_ANY:
                return _All()
            left += names - found
            found |= names
    return found


def _codes(value: Any) -> Iterator[types.CodeType]:
    """What runs where an attribute is read or called."""
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    while isinstance(function, types.FunctionType):
        yield function.__code__
        function = getattr(function, "__wrapped__", None)


def _said(code: types.CodeType) -> Iterable[str]:
    """The names in a function, those inside of it included."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _said(inner)
