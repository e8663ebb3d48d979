"""What `quantize` is asked for, looked at before any work: the model, the data, the settings."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.jit import ScriptModule
from torch.nn.parameter import is_lazy
from torch.utils.data import DataLoader, Dataset, IterableDataset

from runtime.modules.places import is_leaf
from runtime.quantization.inputs import InputError, check_batches
from runtime.quantization.metadata import unwrapped
from runtime.quantization.methods import Method
from runtime.quantization.overrides import Overrides, QBits, near


def check_model(model: object) -> None:
    """A module whose parts can be watched and replaced."""
    if isinstance(model, type):
        raise TypeError(f"a model is an object, and {model.__name__} is a class: make one, {model.__name__}(...)")
    if not isinstance(model, nn.Module):
        raise TypeError(f"a model is a torch.nn.Module, not {type(model).__name__}")
    if is_compiled(model):
        raise TypeError(
            "torch.compile has made this of a model, whose modules it no longer calls: quantize the model itself "
            "(model._orig_mod)"
        )
    scripted = [name for name, module in model.named_modules() if isinstance(module, ScriptModule)]
    if scripted:
        what = f"its part {scripted[0]!r} is" if scripted[0] else "it is"
        raise ValueError(f"a scripted module cannot be watched, and {what} one: quantize first, script or compile then")
    lazy = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise ValueError(f"{lazy[0]!r} has no shape before the model has run: run it once, and quantize it then")


def is_compiled(model: nn.Module) -> bool:
    """By torch.compile; its class is not imported for the question."""
    return type(model).__name__ == "OptimizedModule" and "_orig_mod" in model._modules


def batches_of(data: Iterable[Any]) -> Iterable[Any]:
    """`data` as batches: a lone tensor or dictionary is one."""
    check_batches(data)
    if isinstance(data, (Tensor, Mapping)):
        return [data]
    if isinstance(data, Dataset) and not isinstance(data, (DataLoader, IterableDataset)):
        raise InputError(
            f"{type(data).__name__} is a Dataset, which yields single samples, and batches are needed: "
            "pass torch.utils.data.DataLoader(data, batch_size=32)"
        )
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):
        raise InputError(f"data must yield batches, as a list or a DataLoader does, not be {type(data).__name__}")
    return data


def check_settings(method: Method, settings: Mapping[str, Any]) -> None:
    """What goes to the quantizer."""
    known = _settings_of(method)
    unknown = sorted(set(settings) - known)
    if unknown:
        raise TypeError(
            f"method {method.name!r} has no settings {unknown}; there are {sorted(known)}: {near(unknown[0], known)}"
        )
    Overrides(settings.get("overrides"), QBits())


def check_overrides(model: nn.Module, overrides: Mapping[str, Mapping[str, Any]] | None) -> None:
    """Every pattern holds for a module that may become another."""
    places = {name: is_leaf(module) for name, module in unwrapped(model).named_modules(remove_duplicate=False)}
    Overrides(overrides, QBits()).check_names(places)


def _settings_of(method: Method) -> set[str]:
    """The names that the quantizer takes besides the model; each constructor passes on what it takes as **others."""
    function: Any = method.make
    kind = function if isinstance(function, type) else inspect.signature(function, eval_str=True).return_annotation
    constructors = [vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)]
    names: set[str] = set()
    for taker in [function, *constructors] if kind is not function else constructors:
        parameters = inspect.signature(taker).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self", "model"}
