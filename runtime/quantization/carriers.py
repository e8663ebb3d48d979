"""Modules that only move values, told by one run: they return what they are given, in another order or a part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from runtime.modules.kept_state import version_of
from runtime.quantization.adjacency import SHAPES_ONLY, call
from runtime.quantization.calibration import float_tensors, leaf_modules, observing
from runtime.quantization.picking import gives_what_is_there

_MOVING = SHAPES_ONLY - {"to", "type_as"}
"""The others may round."""


def find_carriers(model: nn.Module, example: Any) -> set[str]:
    """The leaf modules that return elements of their only tensor, unchanged, in every call of one run in eval mode."""
    carriers: set[str] = set()
    others: set[str] = set()
    versions: dict[str, int] = {}
    watch = _Watch()
    hooks = []
    for name, module in leaf_modules(model).items():

        def enter(module: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            versions[name] = sum(map(version_of, float_tensors((args, kwargs))))
            watch.begin(float_tensors((args, kwargs)))

        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            given, made = float_tensors((args, kwargs)), float_tensors(output)
            unchanged = versions[name] == sum(map(version_of, given))
            places = {_memory(tensor) for tensor in (*given, *made)}
            moves = len(places) == 1 or watch.moved_alone or gives_what_is_there(module, args[1:], kwargs)
            (carriers if len(given) == 1 and made and unchanged and moves else others).add(name)

        hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        hooks.append(module.register_forward_hook(leave, with_kwargs=True))
    with observing(model, hooks), watch:
        call(model, example)
    return carriers - others


class _Watch(TorchFunctionMode):
    """Whether, since a leaf module was entered, functions only moved the real numbers that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.begin(())

    def begin(self, given: Iterable[Tensor]) -> None:
        self.moved_alone, self._moved = True, {_memory(tensor) for tensor in given}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        made, name = float_tensors(output), func.__name__.strip("_")
        if made or name == "setitem":
            taken = {_memory(tensor) for tensor in float_tensors((args, kwargs))}
            self.moved_alone &= name in _MOVING and taken <= self._moved
            self._moved.update(map(_memory, made))
        return output


def _memory(tensor: Tensor) -> int:
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage().data_ptr()
