"""What stands where a tied handle stood, once its parts hold state that must be saved."""

from __future__ import annotations

from typing import Any

from torch import nn


class Apart(nn.Module):
    """In the place of a handle whose module was taken apart.

    A `Tied` handle adds nothing to a state_dict, which was right as long as all it held lived elsewhere.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def tensor_ids(module: nn.Module) -> set[int]:
    return {id(tensor) for tensor in (*module.parameters(), *module.buffers())}
