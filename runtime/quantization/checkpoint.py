"""Checkpoints that know how their model was quantized: loading one into the float model quantizes it again first.

A checkpoint holds dictionaries, lists, strings, numbers and tensors only, so `torch.load(..., weights_only=True)`
reads it, and so does whoever does not have this package. The quantizer is made again from its name and its arguments;
a name is looked up among the classes that are there, never imported from anywhere but this package.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from runtime.quantization.metadata import quantizer_metadata, unwrapped
from runtime.quantization.quantizer import Quantizer

Target = str | os.PathLike[str] | IO[bytes]

_KEYS = ("model", "quantizer", "optimizer")


def save_checkpoint(target: Target, model: nn.Module, optimizer: Optimizer | None = None, **more: Any) -> None:
    """Writes the state of `model`, of its quantizer and of `optimizer`, and what else is given (`epoch=3`)."""
    for name in more:
        if name in _KEYS:
            raise ValueError(f"{name!r} is a name that the checkpoint uses itself; the names {_KEYS} are taken")
    metadata = quantizer_metadata(model)
    content = {
        "model": unwrapped(model).state_dict(),
        "quantizer": None if metadata is None else plain(metadata, "quantizer"),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        **{name: plain(value, name) for name, value in more.items()},
    }
    torch.save(content, target)


def load_checkpoint(
    source: Target, model: nn.Module, optimizer: Optimizer | None = None
) -> tuple[Quantizer | None, dict[str, Any]]:
    """Reads what `save_checkpoint` wrote, into the float model and its optimizer or into ones that are prepared.

    Gives the quantizer that was made for it, if one was, and the rest of the checkpoint.
    """
    content = torch.load(source, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or not set(_KEYS) <= content.keys():
        raise ValueError(f"{source} is not a checkpoint of save_checkpoint: it needs the entries {', '.join(_KEYS)}")
    state, metadata, optimizer_state = (content.pop(key) for key in _KEYS)
    quantizer = None
    present = quantizer_metadata(model)
    if present is None and metadata is not None:
        quantizer = quantizer_from_metadata(metadata, model, optimizer)
    elif present is not None and (metadata is None or present["type"] != metadata["type"]):
        made_by = "no quantizer" if metadata is None else metadata["type"]
        raise ValueError(f"the model was prepared by {present['type']}, but the checkpoint's by {made_by}")
    unwrapped(model).load_state_dict(state)
    if optimizer is not None and optimizer_state is not None:
        optimizer.load_state_dict(optimizer_state)
    return quantizer, content


def quantizer_from_metadata(
    metadata: Mapping[str, Any], model: nn.Module, optimizer: Optimizer | None = None
) -> Quantizer:
    """Makes the quantizer again and prepares `model` with it."""
    params = dict(metadata["params"])
    if isinstance(path := params.get("statistics"), (str, Path)):
        raise ValueError(
            f"the checkpoint names a file of statistics, {str(path)!r}; no file that a checkpoint names is opened. "
            "save_checkpoint keeps the ranges themselves"
        )
    if params.get("overrides") is not None:
        params["overrides"] = OrderedDict(params["overrides"])
    kind = _quantizer_type(metadata["type"])
    if _takes_optimizer(kind):
        # To be evaluated the model needs none, but methods that are trained are made for one.
        params["optimizer"] = optimizer or torch.optim.SGD([*model.parameters(), torch.zeros(())], lr=0.0)
    quantizer = kind(model, **params)
    quantizer.prepare_model(metadata["dummy_input"])
    return quantizer


def plain(value: Any, where: str) -> Any:
    """The same in dictionaries, lists, strings, numbers and tensors; an enumeration's member is its value."""
    if isinstance(value, enum.Enum):
        return plain(value.value, where)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {plain(key, where): plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{position}]") for position, item in enumerate(value)]
    raise TypeError(
        f"{where} is a {type(value).__module__}.{type(value).__qualname__}, which a checkpoint cannot hold: "
        "only numbers, strings, tensors, and lists and dictionaries of them"
    )


def _takes_optimizer(kind: type[Quantizer]) -> bool:
    parameters = inspect.signature(kind.__init__).parameters.values()
    return any(p.name == "optimizer" or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)


def _quantizer_type(name: str) -> type[Quantizer]:
    if name.startswith(f"{__package__}."):
        importlib.import_module(name.rpartition(".")[0])
    for kind in _subclasses(Quantizer):
        if f"{kind.__module__}.{kind.__qualname__}" == name:
            return kind
    raise LookupError(f"the model was quantized by {name}, which is not here; import what defines it, then load again")


def _subclasses(kind: type[Quantizer]) -> Iterator[type[Quantizer]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
