"""Tells handles where they are, and who their owner is."""

from __future__ import annotations

from torch import nn

from runtime.modules.handles import Handle
from runtime.modules.places import standing
from runtime.modules.turns import ModuleList


def notice(owner: nn.Module, name: str, module: nn.Module | None) -> None:
    """To be run whenever a module becomes the child of another."""
    if isinstance(module, Handle):
        standing(module).placed(owner, name)
    elif isinstance(module, ModuleList):
        _notice_members(owner, module)


def _notice_members(owner: nn.Module, modules: ModuleList) -> None:
    """The module of a handle in a list is beside the list."""
    for module in modules:
        if isinstance(module, Handle):
            standing(module).follow(owner)
        elif isinstance(module, ModuleList):
            _notice_members(owner, module)
