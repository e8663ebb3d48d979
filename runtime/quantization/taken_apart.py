"""Handles of several modules in a row, as `again(self.norm_act)` makes them, seen as what they run."""

from __future__ import annotations

from torch import nn

from runtime.modules.places import Tied, is_whole, module_of
from runtime.modules.tied import again


def take_apart(model: nn.Module) -> None:
    """Each module of such a row is one more call of that module from now on, which gets a grid of its own."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if isinstance(child, Tied) and is_whole(child) and type(module_of(child)) is nn.Sequential:
                setattr(parent, name, again(module_of(child), parts=True))
