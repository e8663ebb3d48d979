"""Modules that run more than once in one forward, whose statistics a quantizer would mix."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn

from runtime.modules.handles import Tied


def repeated_calls(model: nn.Module, *args: Any, **kwargs: Any) -> dict[str, int]:
    """Runs `model` once and gives the name of every leaf module that was called more than once, with its calls.

    What `again` gives for a leaf with parameters is a place of its own, with statistics of its own.
    """
    handles = {module: name for name, module in model.named_modules() if _is_place(module)}
    leaves = {module: name for name, module in model.named_modules() if not any(module.children())}
    names = {**leaves, **handles}
    calls: Counter[nn.Module] = Counter()
    passed_on: Counter[nn.Module] = Counter()

    def count(module: nn.Module, _arguments: Any) -> None:
        if passed_on[module]:
            passed_on[module] -= 1
            return
        calls[module] += 1
        if module in handles:
            passed_on[module.module] += 1  # type: ignore[index]

    hooks = [module.register_forward_pre_hook(count) for module in names]
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
    return {names[module]: number for module, number in calls.items() if number > 1}


def _is_place(module: nn.Module) -> bool:
    return isinstance(module, Tied) and module.whole and not any(module.module.children())
