"""Modules that run more than once in one forward, whose statistics a quantizer would mix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from runtime.modules.places import Tied, is_leaf, module_of


def repeated_calls(model: nn.Module, *args: Any, **kwargs: Any) -> dict[str, int]:
    """Runs `model` once and returns the name of every leaf module that was called more than once, with its calls.

    What `again` returns for a leaf with parameters is a place of its own, with statistics of its own.
    """
    calls: Counter[str] = Counter()

    def count(name: str) -> Callable[..., None]:
        return lambda _module, _arguments: calls.update([name])

    places = {name: module for name, module in model.named_modules() if _is_place(module)}
    hooks = [module.register_forward_pre_hook(count(name)) for name, module in places.items()]
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: number for name, number in calls.items() if number > 1}


def _is_place(module: nn.Module) -> bool:
    """A module without parts; of a handle of a module with parts, those parts are called."""
    return is_leaf(module_of(module)) if isinstance(module, Tied) else is_leaf(module)
