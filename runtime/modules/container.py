"""Containers that hold modules beside their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from runtime.modules.base import Operation
from runtime.modules.scripting import Scriptable
from runtime.modules.scripting.borrowed import in_place_of

_CONTAINER_METHODS = (
    "__len__ __iter__ __contains__ __getitem__ __setitem__ __delitem__ __add__ __iadd__ __mul__ __imul__ __rmul__ "
    "append extend insert pop clear keys items values update"
).split()


class WithOperations(Scriptable):
    """A base for classes that run their children as steps, and have other modules beside them.

    A child of nn.Sequential, nn.ModuleList or nn.ModuleDict is one of its steps, which iteration meets and `len`
    counts. What `add_operation` adds is a child like any other to a quantizer, to `named_modules()` and to `.to()`,
    but no step: every method of the container works on the steps alone.
    """

    _operations: frozenset[str] = frozenset()
    __jit_unused_properties__ = ("step_modules",)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in _CONTAINER_METHODS:
            if getattr(getattr(cls, name, None), "__module__", None) == nn.Sequential.__module__:
                setattr(cls, name, _on_steps(cls, name))

    def add_operation(self, name: str, module: nn.Module) -> None:
        """Adds a child that is not a step."""
        self.add_module(name, module)
        self._operations = self._operations | {name}

    def steps(self) -> Iterator[nn.Module]:
        """The children that are steps, as `children()` has them in a module without operations."""
        return nn.Module.children(self._steps_alone())

    def named_steps(self) -> Iterator[tuple[str, nn.Module]]:
        return nn.Module.named_children(self._steps_alone())

    @property
    def step_modules(self) -> dict[str, nn.Module | None]:
        """What `_modules` is in a module without operations."""
        return {name: module for name, module in self._modules.items() if name not in self._operations}

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        """TorchScript, which takes every child for a step, has methods in place of the operations."""
        return {name: _without(self._modules[name]) for name in sorted(self._operations)}

    def _steps_alone(self) -> WithOperations:
        """An object like this one, whose children are the steps."""
        alone = object.__new__(type(self))
        steps = {name: module for name, module in self._modules.items() if name not in self._operations}
        vars(alone).update({**vars(self), "_modules": steps, "_operations": frozenset()})
        return alone


def _without(module: nn.Module | None) -> Iterable[Callable[..., Any]]:
    """Methods that compute what a module does, and do not need it."""
    if isinstance(module, Operation):
        return module.methods(defaults=False)
    return () if module is None else in_place_of(module)


def _on_steps(cls: type, name: str) -> Callable[..., Any]:
    """The container's method, which sees the steps alone; what it changes stays changed."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._operations:
            return getattr(super(cls, self), name)(*args, **kwargs)
        alone = self._steps_alone()
        result = getattr(super(cls, alone), name)(*args, **kwargs)
        operations = {n: module for n, module in self._modules.items() if n in self._operations}
        self._modules = {**alone._modules, **operations}
        return self if result is alone else result

    method.__name__ = name
    return method
