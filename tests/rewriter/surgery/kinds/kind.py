"""Kinds of surgery: functions that take a built model and return it, or another, as somebody would use it then.

They know a model by its original: `Original` has the names of its modules, as the person has who read the code. One
returns None where the model has nothing to operate on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

Surgery = Callable[[nn.Module, "Original"], nn.Module | None]

KINDS: dict[str, Surgery] = {}


class Original:
    """Names in the model before it was rewritten."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def names(self, *kinds: type[nn.Module]) -> list[str]:
        return [name for name, module in self.model.named_modules() if name and isinstance(module, kinds)]

    def first(self, *kinds: type[nn.Module]) -> str:
        return next(iter(self.names(*kinds)), "")


def surgery(function: Surgery) -> Surgery:
    KINDS[function.__name__.replace("_", " ")] = function
    return function


def put(model: nn.Module, name: str, module: Any) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(owner), attribute, module)


def children(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Every module with its owner and its name there, as loops go that replace modules."""
    for name, child in model.named_children():
        yield model, name, child
        yield from children(child)


ACTIVATIONS = (nn.ReLU, nn.LeakyReLU)
NORMS = (nn.BatchNorm1d, nn.LayerNorm)


class LoRA(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(8, 2, bias=False)
        self.up = nn.Linear(2, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))  # type: ignore[no-any-return]


class Rounded(nn.Module):
    """What a quantizer puts around a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Tensor) -> Tensor:
        out: Tensor = self.module(*args)
        return (out * 8).round() / 8
