"""Which modules are what their class says: a subclass that computes in its own way is nothing that is known.

What an operation is stands in the catalogue; here modules find their row there, and what they have been told.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard, TypeVar

import torch
from torch import nn

import runtime.modules as wrappers
from rewriter.torch_api.catalogue import ALONE, ROWS, by_target
from rewriter.torch_api.row import Row
from rewriter.torch_api.traits import Trait
from runtime.modules.base import Operation
from runtime.modules.function import Function

Kind = TypeVar("Kind", bound=nn.Module)

OPERANDS = Trait.SUM | Trait.DIFFERENCE | Trait.PRODUCT | Trait.MATMUL
_STEPS = ("forward", "_conv_forward", "_output_padding")
_LIBRARIES = ("torch.nn.modules.", "runtime.modules.")
_FULL_NAMES = {"torch.nn.modules.": "torch.nn", "runtime.modules": "runtime.modules"}


def is_a(module: nn.Module | None, kinds: type[Kind] | tuple[type[Kind], ...]) -> TypeGuard[Kind]:
    """Whether `module` is of one of these classes and computes as they do, without a forward of its own."""
    return isinstance(module, kinds) and not computes_in_its_own_way(module)


def computes_in_its_own_way(module: nn.Module) -> bool:
    """Whether a step is neither torch's nor of this package's modules, in the class or for this one object."""
    steps = [getattr(type(module), step, None) for step in _STEPS]
    return "forward" in vars(module) or any(step and not str(step.__module__).startswith(_LIBRARIES) for step in steps)


def row_of(module: nn.Module | None) -> Row | None:
    """The operation that `module` computes."""
    if module is None or computes_in_its_own_way(module):
        return None
    if isinstance(module, Function):
        return _row_of_function(module)
    return _row_of_class(type(module))  # type: ignore[arg-type]  # mypy: no class of modules is hashable


def has(module: nn.Module | None, traits: Trait) -> bool:
    """Whether what `module` computes has one of these traits."""
    row = row_of(module)
    return row is not None and bool(row.traits & traits)


def classes_with(traits: Trait) -> tuple[type[nn.Module], ...]:
    """The classes of torch.nn and the wrappers that compute operations with all of these traits."""
    names = dict.fromkeys(name for row in (*ROWS, *ALONE) if traits in row.traits for name in row.targets)
    homes = {"torch.nn": nn, "runtime.modules": wrappers}
    return tuple(getattr(homes[home], name) for home, _, name in (full.rpartition(".") for full in names))


def layers_with(traits: Trait) -> tuple[type[nn.Module], ...]:
    """The same of torch.nn alone, whose modules have their weights themselves."""
    return tuple(kind for kind in classes_with(traits) if not issubclass(kind, Operation))


def settings(module: nn.Module, args: Iterable[Any] = (), kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a known module is told besides its operands, by the names of the function's parameters.

    `args` and `kwargs` are what one call of a wrapper passed behind the operands; what none passed has its default.
    """
    row = row_of(module)
    assert row is not None
    if isinstance(module, Operation):
        return {**row.settings, **module.fixed, **dict(zip(row.settings, args, strict=False)), **(kwargs or {})}
    if isinstance(module, Function):
        return {**row.settings, **_keywords(module)}
    told = {name: getattr(module, name, default) for name, default in row.settings.items()}
    for name, source in _own_names(row).get(_full_name(type(module)), ()):
        told[name] = getattr(module, source) if source.isidentifier() else ast.literal_eval(source)
    return told


def _own_names(row: Row) -> Mapping[str, tuple[tuple[str, str], ...]]:
    return {torch_module.name: torch_module.arguments for torch_module in row.modules}


def bound(module: nn.Module, args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a call of a wrapper, operands included, by the names of the function's parameters."""
    row = row_of(module)
    assert row is not None
    names = (p.name for p in row.function.parameters)
    return {**settings(module), **dict(zip(names, args, strict=False)), **kwargs}


def draws(module: nn.Module) -> bool:
    """Whether it draws random numbers, as it is now."""
    return has(module, Trait.RANDOM) and bool(settings(module).get("training", True))


def _row_of_function(module: Function) -> Row | None:
    """Of an activation of torch's that the module calls, also behind `partial` with keywords."""
    function = module.function
    if isinstance(function, functools.partial):
        if function.args or "inplace" in function.keywords:
            return None
        function = function.func
    return next((row for known, row in _activations() if known is function), None)


def _keywords(module: Function) -> dict[str, Any]:
    return dict(module.function.keywords) if isinstance(module.function, functools.partial) else {}


@functools.cache
def _activations() -> tuple[tuple[Any, Row], ...]:
    """The functions that compute each element by itself from a tensor alone."""
    rows = [row for row in ROWS if row.traits & (Trait.TABLE | Trait.RECTIFIER) and not row.traits & OPERANDS]
    found = [(_found(spelling.name), row) for row in rows for spelling in row.spellings if not spelling.inplace]
    return tuple((function, row) for function, row in found if function is not None)


def _found(full_name: str) -> Any:
    """The function that torch has under the name; None for a method or an operator."""
    home, _, name = full_name.rpartition(".")
    return getattr({"torch": torch, "torch.nn.functional": nn.functional}.get(home), name, None)


@functools.cache
def _row_of_class(kind: type) -> Row | None:
    rows = (by_target(_full_name(base)) for base in kind.__mro__)
    return next((row for row in rows if row is not None), None)


def _full_name(kind: type) -> str:
    home = next((full for start, full in _FULL_NAMES.items() if kind.__module__.startswith(start)), "")
    return f"{home}.{kind.__name__}"
