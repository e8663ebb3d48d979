"""Modules that only move values, told by what they do in one run: they give views of what they get, or pick of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from runtime.quantization.adjacency import call
from runtime.quantization.calibration import evaluating, float_tensors, leaf_modules
from runtime.quantization.picking import gives_what_is_there


def find_carriers(model: nn.Module, example: Any) -> set[str]:
    """The leaf modules that, in every call of one run in eval mode, gave elements of their only tensor, unchanged."""
    carriers: set[str] = set()
    others: set[str] = set()
    versions: dict[str, int] = {}
    hooks = []
    for name, module in leaf_modules(model).items():

        def enter(module: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            versions[name] = sum(tensor._version for tensor in float_tensors((args, kwargs)))

        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
            given, made = float_tensors((args, kwargs)), float_tensors(output)
            unchanged = versions[name] == sum(tensor._version for tensor in given)
            places = {tensor.untyped_storage().data_ptr() for tensor in (*given, *made)}
            moves = len(places) == 1 or gives_what_is_there(module, args[1:], kwargs)
            (carriers if len(given) == 1 and made and unchanged and moves else others).add(name)

        hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        hooks.append(module.register_forward_hook(leave, with_kwargs=True))
    try:
        with evaluating(model), torch.no_grad():
            call(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    return carriers - others
