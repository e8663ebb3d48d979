"""Modules that run more than once in one forward, whose statistics a quantizer would mix."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn


def repeated_calls(model: nn.Module, *args: Any, **kwargs: Any) -> dict[str, int]:
    """Runs `model` once and gives the name of every leaf module that was called more than once, with its calls."""
    names = {module: name for name, module in model.named_modules() if not any(module.children())}
    calls: Counter[nn.Module] = Counter()

    def count(module: nn.Module, _arguments: Any) -> None:
        calls[module] += 1

    hooks = [module.register_forward_pre_hook(count) for module in names]
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
    return {names[module]: number for module, number in calls.items() if number > 1}
