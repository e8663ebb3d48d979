"""Modules that stay in floating point and did not run refuse codes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


class Unreached:
    """A hook before the forward of a module that did not run with the input that the model was quantized with."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if any(isinstance(leaf, Tensor) and leaf.dtype == torch.uint8 for leaf in tree_leaves((args, kwargs))):
            raise TypeError(
                f"{self.name!r} stays in floating point but was given int8 codes: the input that the model was "
                "quantized with took another way through it; quantize it with an input that comes this way"
            )


def is_unreached(module: nn.Module) -> bool:
    return any(isinstance(hook, Unreached) for hook in module._forward_pre_hooks.values())
