"""Modules for objects that have not run the `__init__` that makes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

Maker = type[nn.Module] | Callable[[Any], nn.Module]
"""The module's class, or a function of the object that returns the module."""
Class = TypeVar("Class", bound=type[nn.Module])


def makes_missing(**makers: Maker) -> Callable[[Class], Class]:
    """A decorator of a class whose `__init__` makes modules that the objects of some subclass lack.

    Such a subclass calls the `__init__` of nn.Module in place of this one. Its objects get the modules behind their
    own `__init__`, or earlier where that asks for one. For all others nothing changes.
    """

    def decorated(cls: Class) -> Class:
        def __getattr__(self: nn.Module, name: str) -> Any:
            try:
                return super(cls, self).__getattr__(name)  # type: ignore[arg-type]
            except AttributeError:
                if name not in makers or "_modules" not in self.__dict__:
                    raise
            maker = makers[name]
            made = (maker() if isinstance(maker, type) else maker(self)).train(self.training)
            setattr(self, name, made)
            return made

        def __init_subclass__(sub: type[nn.Module], /, **options: Any) -> None:
            super(cls, sub).__init_subclass__(**options)  # type: ignore[arg-type]
            if "__init__" in vars(sub):
                sub.__init__ = _completed(sub.__init__, makers)  # type: ignore[method-assign]

        cls.__getattr__ = __getattr__  # type: ignore[method-assign]
        cls.__init_subclass__ = classmethod(__init_subclass__)  # type: ignore[assignment]
        return cls

    return decorated


def _completed(init: Callable[..., None], makers: dict[str, Maker]) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        for name in makers:
            getattr(self, name)

    return __init__
