"""A second call of a module that exists: a handle of its own for a quantizer, the same parameters for everybody else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from runtime.modules.scripting import Scriptable
from runtime.modules.scripting.borrowed import passing_on

Called = TypeVar("Called")


def again(module: Called, parts: bool = False) -> Called | nn.Module:
    """A module to call where `module` would be called a second time in one forward.

    One without parameters and buffers is copied. Any other is tied: the handle runs `module` itself, so parameters,
    running statistics and training mode are one, and the state_dict does not grow. What is no module (None, a plain
    function) has nothing to share and is given back.

    With `parts` a module that is made of others is taken apart: its parts without state are copied, so that each
    operation inside has an instance of its own as well. That needs a module whose forward stores nothing on `self`.
    """
    if not isinstance(module, nn.Module):
        return module
    if not any(True for _ in module.parameters()) and not any(True for _ in module.buffers()):
        return copy.deepcopy(module)
    apart = _taken_apart(module) if parts else module
    return Tied(apart, whole=apart is module)


def own(module: Called) -> Called:
    """An instance for one place of a module that may be in other places as well.

    A module without parameters and buffers is copied. One that has some is given back and stays shared, since its
    state_dict names them once for each place; so is what is no module.
    """
    if not isinstance(module, nn.Module) or any(True for _ in chain(module.parameters(), module.buffers())):
        return module
    return copy.deepcopy(module)


def _taken_apart(module: nn.Module) -> nn.Module:
    """The same parameters and buffers in another object, with parts of its own; torch's own modules stay whole."""
    if type(module).forward.__module__.startswith("torch.nn.") and not isinstance(module, nn.Sequential):
        return module
    twin = copy.copy(module)  # shares the dicts that hold parameters and buffers, whatever is put in them later
    twin._modules = {name: part and again(part, parts=True) for name, part in module._modules.items()}
    return twin


class Tied(Scriptable):
    """Runs the module it was given, and adds nothing to a state_dict."""

    def __init__(self, module: nn.Module, whole: bool = True) -> None:
        super().__init__()
        self.module = module
        self.whole = whole
        """The module lives elsewhere; else it is this handle's own, and only its parameters live elsewhere."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        return {"forward": passing_on("module", self.module)}

    # The module is reached where it lives as well: moved, switched or initialized from here, it would be so twice.

    def train(self, mode: bool = True) -> Tied:
        """The parts that are this handle's own follow; a module that lives elsewhere follows there."""
        self.training = mode
        if not self.whole:
            super().train(mode)
        return self

    def apply(self, fn: Callable[[nn.Module], None]) -> Tied:
        fn(self)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Tied:
        return self

    # Scripted handles keep what is ignored in scripting.

    @torch.jit.ignore  # type: ignore[untyped-decorator]
    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Nothing: the parameters are saved under their own name."""
        return {} if destination is None else destination

    @torch.jit.ignore  # type: ignore[untyped-decorator]
    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *rest: Any) -> None:
        """Nothing: the module is loaded under its own name, and what is missing under this one is not missing."""
        self._load_state_dict_post_hooks[0] = partial(_forget_missing, f"{prefix}module.")


def _forget_missing(prefix: str, handle: nn.Module, incompatible: Any) -> None:
    missing = incompatible.missing_keys
    missing[:] = [key for key in missing if not key.startswith(prefix)]
