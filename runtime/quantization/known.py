"""Which modules are what their class says: a subclass that computes in its own way is nothing that is known."""

from __future__ import annotations

from typing import TypeGuard, TypeVar

from torch import nn

Kind = TypeVar("Kind", bound=nn.Module)

_STEPS = ("forward", "_conv_forward", "_output_padding")
_LIBRARIES = ("torch.nn.modules.", "runtime.modules.")


def is_a(module: nn.Module | None, kinds: type[Kind] | tuple[type[Kind], ...]) -> TypeGuard[Kind]:
    """Whether `module` is of one of these classes and computes as they do, without a forward of its own."""
    return isinstance(module, kinds) and not computes_in_its_own_way(module)


def computes_in_its_own_way(module: nn.Module) -> bool:
    """Whether a step is neither torch's nor of this package's modules, in the class or for this one object."""
    steps = [getattr(type(module), step, None) for step in _STEPS]
    return "forward" in vars(module) or any(step and not step.__module__.startswith(_LIBRARIES) for step in steps)
