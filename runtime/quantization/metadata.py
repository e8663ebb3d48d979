"""What a quantized model knows of the quantizer that prepared it, so that it can be prepared like that again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

_ATTRIBUTE = "quantizer_metadata"


def quantizer_metadata(model: nn.Module) -> dict[str, Any] | None:
    """The quantizer's type, its parameters, the dummy input, and why modules stay in floating point; or None for a
    float model."""
    return unwrapped(model).__dict__.get(_ATTRIBUTE)


def set_quantizer_metadata(
    model: nn.Module, kind: type, params: Mapping[str, Any], dummy_input: Any, reasons: Mapping[str, str]
) -> None:
    """Sets it as a plain attribute, which is copied and pickled with the model."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    unwrapped(model).__dict__[_ATTRIBUTE] = {
        "type": name,
        "params": dict(params),
        "dummy_input": dummy_input,
        "reasons": dict(reasons),
    }


def remove_quantizer_metadata(model: nn.Module) -> None:
    unwrapped(model).__dict__.pop(_ATTRIBUTE, None)


def unwrapped(model: nn.Module) -> nn.Module:
    return model.module if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else model


def constructor_arguments(kind: type, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `kind(*args, **kwargs)` by name."""
    constructors = [base.__dict__["__init__"] for base in kind.__mro__ if "__init__" in base.__dict__]
    given = _by_name(constructors, [None, *args], kwargs)
    return dict(list(given.items())[1:])


def _by_name(
    constructors: Sequence[Callable[..., Any]], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """A constructor that takes *args passes them on to the next one, which knows their names."""
    parameters = inspect.signature(constructors[0]).parameters.values()
    given = dict(inspect.signature(constructors[0]).bind(*args, **kwargs).arguments)
    kinds = {p.kind: p.name for p in parameters}
    extra = given.pop(kinds.get(inspect.Parameter.VAR_KEYWORD, ""), {})
    passed = given.pop(kinds.get(inspect.Parameter.VAR_POSITIONAL, ""), ())
    if not passed:
        return {**given, **extra}
    keyword_only = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    own = {name: value for name, value in given.items() if name in keyword_only}
    positional = [value for name, value in given.items() if name not in keyword_only]
    return {**_by_name(constructors[1:], [*positional, *passed], extra), **own}
