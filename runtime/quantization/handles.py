"""Tied handles in a quantized model: each call has activations of its own, whatever it shares."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import nn

from runtime.modules.shared import Tied


@runtime_checkable
class CalledAgain(Protocol):
    """A replacement that knows what to put where a tied handle calls it: the same weights, other activations."""

    def again(self) -> nn.Module: ...


class Apart(nn.Module):
    """Stands where a handle stood whose module was taken apart, once its parts hold state that must be saved.

    A `Tied` handle adds nothing to a state_dict, which was right as long as all it held lived elsewhere.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


def tensor_ids(module: nn.Module) -> set[int]:
    return {id(tensor) for tensor in (*module.parameters(), *module.buffers())}


def called_again(handle: Tied, replacement: nn.Module) -> nn.Module:
    """What stands where `handle` stood, now that `replacement` stands where its module stood."""
    if isinstance(replacement, CalledAgain):
        return replacement.again()
    handle.module = replacement
    return handle
