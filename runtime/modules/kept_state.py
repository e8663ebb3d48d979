"""What a model carries from call to call is put back after runs that its user has not asked for.

A network that processes a stream keeps a hidden state, a cache or a counter: in buffers, in attributes, in lists or
dictionaries of these.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_OF_TORCH = frozenset(vars(nn.Module()))
"""Attributes of every module: its tables of parts, of parameters and of hooks."""
_PLAIN = (int, float, str, tuple, type(None))


class _Kept(NamedTuple):
    """A value under its name, and what it held."""

    values: dict[str, Any]
    name: str
    value: Any
    inside: Any

    def put_back(self) -> None:
        self.values[self.name] = self.value
        if isinstance(self.value, Tensor):
            _restore(self.value, *self.inside)
        elif isinstance(self.value, list):
            self.value[:] = self.inside
        elif isinstance(self.value, dict):
            self.value.clear()
            self.value.update(self.inside)


@contextmanager
def keeping_state(model: nn.Module) -> Iterator[None]:
    """Afterwards the model holds what it held before; parameters and the modules of this package are left alone."""
    kept = [one for module in model.modules() for one in _state_of(module)]
    try:
        yield
    finally:
        for one in kept:
            one.put_back()


def _state_of(module: nn.Module) -> Iterator[_Kept]:
    if type(module).__module__.startswith("runtime."):
        return
    attributes = {name: value for name, value in vars(module).items() if name not in _OF_TORCH}
    for values, found in ((module._buffers, module._buffers), (vars(module), attributes)):
        for name, value in found.items():
            if isinstance(value, Tensor):
                yield _Kept(values, name, value, (version_of(value), value.detach().clone(), value.is_leaf))
            elif type(value) in (list, dict):
                yield _Kept(values, name, value, copy.copy(value))
            elif isinstance(value, _PLAIN):
                yield _Kept(values, name, value, None)


def version_of(tensor: Tensor) -> int:
    """How often it was written into. Tensors of torch.inference_mode do not count that; outside none may be changed."""
    return 0 if tensor.is_inference() else tensor._version


def _restore(tensor: Tensor, version: int, content: Tensor, is_leaf: bool) -> None:
    if version_of(tensor) != version:
        with torch.no_grad():
            tensor.copy_(content)
    if is_leaf and not tensor.is_leaf:
        tensor.detach_()  # what was written into it had a history, with which torch copies no model
