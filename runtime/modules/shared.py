"""A second call of a module that exists: a handle of its own for a quantizer, the same parameters for everybody else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

Called = TypeVar("Called")


def again(module: Called) -> Called | nn.Module:
    """A module to call where `module` would be called a second time in one forward.

    One without parameters and buffers is copied. Any other is tied: the handle runs `module` itself, so parameters,
    running statistics and training mode are one, and the state_dict does not grow. What is no module (None, a plain
    function) has nothing to share and is given back.
    """
    if not isinstance(module, nn.Module):
        return module
    if any(True for _ in module.parameters()) or any(True for _ in module.buffers()):
        return Tied(module)
    return copy.deepcopy(module)


class Tied(nn.Module):
    """Runs the module it was given, and adds nothing to a state_dict."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.register_load_state_dict_post_hook(_forget_missing)  # type: ignore[no-untyped-call]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    # The module is reached where it lives as well: moved, switched or initialized from here, it would be so twice.

    def train(self, mode: bool = True) -> Tied:
        self.training = mode
        return self

    def apply(self, fn: Callable[[nn.Module], None]) -> Tied:
        fn(self)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Tied:
        return self

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Nothing: the parameters are saved under their own name."""
        return {} if destination is None else destination

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *rest: Any) -> None:
        self._prefix = prefix  # what is missing under it is not missing


def _forget_missing(tied: nn.Module, incompatible: Any) -> None:
    """The handle's module is loaded under its own name; nothing is expected under the handle's."""
    missing = incompatible.missing_keys
    missing[:] = [key for key in missing if not key.startswith(f"{tied._prefix}module.")]
