"""Modules in the place of others answer for them: a model may ask a layer for its stride, or its features."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn


class StandsFor(nn.Module):
    """What this module has not, and the one that it stands for has, is that one's."""

    gives_parameters: ClassVar[bool] = False
    """Parameters and the like are given as well; else settings alone."""

    def stood_for(self) -> object:
        """The module that stood here, or what is left of it; None before there is one."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            before = None if name.startswith("_") else self.stood_for()
            if before is None or not hasattr(before, name) or (_holds(before, name) and not self.gives_parameters):
                raise
            return getattr(before, name)


def _holds(module: object, name: str) -> bool:
    """Whether it is a parameter, a buffer or a part."""
    return any(name in getattr(module, held, ()) for held in ("_parameters", "_buffers", "_modules"))
