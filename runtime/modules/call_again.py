"""A call of a module that a function is given, at each turn of a loop: of its handle, with parts of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from runtime.modules.handles import handle_of, is_second_name
from runtime.modules.tracing import is_watched


class CallAgain(nn.Module):
    """`self.call[i](norm, x)` is `norm(x)`, where a handle runs in the place of `norm`.

    Each `CallAgain` has a handle of the module that it was given last, so that the operations inside run once for each.
    Anything that is not a module is called as it is; so is a module where a graph is made of what runs.
    """

    handle: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.handle = None
        self.__dict__["_stands_for"] = None

    def forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(module, nn.Module) or is_watched():
            return module(*args, **kwargs)
        if self.__dict__["_stands_for"] is not module:
            self.handle = handle_of(module, parts=True)
            self.__dict__["_stands_for"] = module
        assert self.handle is not None
        return self.handle(*args, **kwargs)

    def named_children(self) -> Iterator[tuple[str, nn.Module]]:
        """Without a handle of what another object has for a child."""
        return (named for named in super().named_children() if not is_second_name(named[1]))
