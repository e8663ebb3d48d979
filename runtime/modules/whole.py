"""Modules of other libraries that compute."""

from __future__ import annotations

from typing import Any

from torch import nn


class Whole(nn.Module):
    """Calls a module of another library, which has no parameters, as one operation.

    What that module computes is written in functions of its library, where nothing can become a module. It is not a child:
    a quantizer finds one module, and sees what goes in and what comes out.
    """

    module: nn.Module

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        object.__setattr__(self, "module", module)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def __prepare_scriptable__(self) -> nn.Module:
        return self.module

    def extra_repr(self) -> str:
        return repr(self.module)
