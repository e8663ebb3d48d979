"""The places of handles: what `named_modules()` has for a handle of a module with state."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from runtime.modules.standing import Standing


class Observed(nn.Module):
    """Hooks that are the module's, until the first of a kind is put on the handle itself."""

    _stands: Standing

    def register_forward_hook(self, *args: Any, **kwargs: Any) -> Any:
        self._stands.keep_own_hooks("_forward_hooks")
        return super().register_forward_hook(*args, **kwargs)

    def register_forward_pre_hook(self, *args: Any, **kwargs: Any) -> Any:
        self._stands.keep_own_hooks("_forward_pre_hooks")
        return super().register_forward_pre_hook(*args, **kwargs)

    def register_full_backward_hook(self, *args: Any, **kwargs: Any) -> Any:
        self._stands.keep_own_hooks("_backward_hooks")
        return super().register_full_backward_hook(*args, **kwargs)

    def register_full_backward_pre_hook(self, *args: Any, **kwargs: Any) -> Any:
        self._stands.keep_own_hooks("_backward_pre_hooks")
        return super().register_full_backward_pre_hook(*args, **kwargs)


class Tied:
    """What stands for a module that has parameters or buffers: a handle, or its place."""

    _stands: Standing


class Place(Observed, Tied):
    """The name and the hooks of a handle, for those who go through `named_modules()`.

    It has no class, parameters or attributes of the module: code that initializes, counts or groups them by what it
    finds there does so once.
    """

    _parameters = _buffers = _modules = property(lambda self: {})

    # A hook is told of the module that it was put on.

    def register_forward_hook(self, hook: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return super().register_forward_hook(partial(_with_place, self, hook), *args, **options)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return super().register_forward_pre_hook(partial(_with_place, self, hook), *args, **options)

    def register_full_backward_hook(self, hook: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return super().register_full_backward_hook(partial(_with_place, self, hook), *args, **options)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return super().register_full_backward_pre_hook(partial(_with_place, self, hook), *args, **options)

    @property
    def training(self) -> bool:
        return self._stands.now().training

    @training.setter
    def training(self, mode: bool) -> None:
        self._stands.now().training = mode

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._stands.handle.forward(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name!r} is an attribute of the module, which has another name in the model")

    def _replicate_for_data_parallel(self) -> nn.Module:
        return nn.Module()  # the replica of the module is called

    def __deepcopy__(self, memo: dict[int, Any]) -> Place:
        return place_of(copy.deepcopy(self._stands.handle, memo))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[nn.Module]]:
        return place_of, (self._stands.handle,)


def _with_place(place: nn.Module, hook: Callable[..., Any], _: nn.Module, *given: Any) -> Any:
    return hook(place, *given)


def place_of(handle: nn.Module) -> Place:
    """One for each handle, which shares its hooks."""
    if "_place" not in handle.__dict__:
        place = object.__new__(Place)
        object.__setattr__(place, "__dict__", handle.__dict__)
        handle.__dict__["_place"] = place
    found: Place = handle.__dict__["_place"]
    return found


def standing(handle: Any) -> Standing:
    stands: Standing = handle._stands
    return stands


def module_of(module: nn.Module) -> nn.Module:
    """What stands behind a handle of a module with state, or its place; any other module itself."""
    return standing(module).now() if isinstance(module, Tied) else module


def is_whole(module: nn.Module) -> bool:
    """Whether it is a handle, or the place of one, whose parts are those of its module."""
    return isinstance(module, Tied) and not standing(module).apart


def is_leaf(module: nn.Module) -> bool:
    """Whether a module computes by itself: it contains no others, or is a handle that is not taken apart."""
    if isinstance(module, Tied):
        return not standing(module).apart
    return not any(module.children())
