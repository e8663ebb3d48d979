"""Turns what a program returns into plain data that says all that must stay: bits, types, structure, sharing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_ADDRESS = re.compile(r"0x[0-9a-f]+")
# docs/what-changes.md, 'What was a function is a module': an error that prints a model shows the new modules.
_PRINTED_CHILDREN = re.compile(r"\(\n(?: .*\n)+\)")
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.Size, torch.device, range, slice)


def normal(value: Any) -> Any:
    """Plain data that is equal exactly where two values are alike to whoever looks."""
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, _PLAIN):
        return type(value).__name__, repr(value)
    if isinstance(value, BaseException):
        return "raised", type(value).__name__, _message(value)
    if isinstance(value, Mapping):
        return type(value).__name__, tuple((normal(k), normal(v)) for k, v in value.items())
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, tuple(sorted(map(repr, map(normal, value))))
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple(map(normal, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, tuple((f.name, normal(getattr(value, f.name))) for f in dataclasses.fields(value))
    return "module" if isinstance(value, nn.Module) else ("object", type(value).__name__)


def _message(error: BaseException) -> str:
    """What the error says, without addresses and without the children of a model that it prints."""
    return _ADDRESS.sub("0x", _PRINTED_CHILDREN.sub("()", _without_lines(str(error))))


def _without_lines(message: str) -> str:
    """TorchScript puts the lines that it came through before what it has to say."""
    lines = message.rstrip().splitlines()
    return lines[-1] if any(line.startswith("Traceback of TorchScript") for line in lines) else message


def _tensor(value: Tensor) -> Any:
    known = value.detach().as_subclass(Tensor)
    if known.is_floating_point():
        known = torch.where(known.isnan(), torch.full_like(known, float("nan")), known)
    if known.dtype is torch.bfloat16:
        known = known.view(torch.int16)
    bits = known.contiguous().numpy().tobytes()
    return "tensor", type(value).__name__, str(value.dtype), tuple(value.shape), value.requires_grad, bits


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors(getattr(value, field.name))


def sharing(*values: Any) -> Any:
    """Which tensors are one object, and which lie in the same memory."""
    found = list(tensors(list(values)))
    objects = [next(i for i, other in enumerate(found) if other is t) for t in found]
    memory = [t.untyped_storage().data_ptr() for t in found]
    return tuple(objects), tuple(memory.index(place) for place in memory)
