"""The methods that `quantize(method=...)` knows: each file in this folder registers its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import nn

from runtime.quantization.metadata import quantizer_metadata
from runtime.quantization.quantizer import Quantizer

Make = TypeVar("Make", bound=Callable[..., Quantizer])


@dataclass(frozen=True)
class Method:
    """A quantizer by name."""

    name: str
    summary: str
    """What it does to a model, in a sentence that goes on from its name."""
    make: Callable[..., Quantizer]
    """`make(model, **settings)`: the quantizer's class, or a function that returns an object of it."""
    needs_data: bool = True
    calibrates: bool = False
    """It takes `statistics` of the data."""
    needs_optimizer: bool = False
    no_integers: str = ""
    """Why `runtime.int8.convert` cannot take what it trains; empty where it can."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are given to `make` where the caller has no others."""

    def quantizer(self, model: nn.Module, **settings: Any) -> Quantizer:
        return self.make(model, **{**self.defaults, **settings})


_methods: dict[str, Method] = {}


def method(name: str, summary: str, **more: Any) -> Callable[[Make], Make]:
    """Registers what makes a quantizer; `more` are the other fields of `Method`."""

    def register(make: Make) -> Make:
        if name in _methods:
            raise ValueError(f"two methods are called {name!r}")
        _methods[name] = Method(name, summary, make, **more)
        return make

    return register


def methods() -> Mapping[str, Method]:
    """All of them, by name."""
    for found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{found.name}")
    return _methods


def find_method(name: str) -> Method:
    known = methods()
    if name not in known:
        told = "".join(f"\n  {known[one].name!r} {known[one].summary}" for one in sorted(known))
        raise ValueError(f"no method is called {name!r}; there are:{told}")
    return known[name]


def why_no_integers(model: nn.Module) -> str:
    """Why a model that was prepared by the quantizer of a method cannot compute on integers; empty where it can."""
    metadata = quantizer_metadata(model)
    prepared_by = None if metadata is None else metadata["type"]
    made_by = (m for m in methods().values() if f"{m.make.__module__}.{m.make.__qualname__}" == prepared_by)
    return next((m.no_integers for m in made_by), "")
