"""Runs another module: what TorchScript compiles in place of a handle, and what stands for a scripted module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from runtime.modules.scripting import Scriptable
from runtime.modules.scripting.borrowed import passing_on


class Passing(Scriptable):
    """Runs the module it was given, and adds nothing to a state_dict."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        return {"forward": passing_on("module", self.module)}

    # The module is reached where it lives as well: moved, switched or initialized from here, it would be so twice.

    def train(self, mode: bool = True) -> Passing:
        self.training = mode
        return self

    def apply(self, fn: Callable[[nn.Module], None]) -> Passing:
        fn(self)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Passing:
        return self

    # Scripted modules keep what is ignored in scripting.

    @torch.jit.ignore  # type: ignore[untyped-decorator]
    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Nothing: the parameters are saved under their own name."""
        return {} if destination is None else destination

    @torch.jit.ignore  # type: ignore[untyped-decorator]
    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *rest: Any) -> None:
        """Nothing: the module is loaded under its own name, and what is missing under this one is not missing."""
        self._load_state_dict_post_hooks[0] = partial(forget_missing, f"{prefix}module.")


def forget_missing(prefix: str, loaded: nn.Module, incompatible: Any) -> None:
    missing = incompatible.missing_keys
    missing[:] = [key for key in missing if not key.startswith(prefix)]
