"""A few of the calls that a model gets while it is calibrated, from the beginning of the data to their end."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

Example = dict[str, Any] | tuple[Any, ...]
"""The arguments of a call, by name if some are."""
ENOUGH = 8
"""Samples that show how near two models are; a batch of so many is enough by itself."""


def as_example(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Example:
    return dict(inspect.signature(model.forward).bind(*args, **kwargs).arguments) if kwargs else args


def as_call(example: Any) -> tuple[Any, dict[str, Any]]:
    """The arguments by place, and those by name."""
    return ((), example) if isinstance(example, dict) else (example, {})


class Examples:
    """Those of the first call, and of others at even distances where a call brings few samples."""

    def __init__(self) -> None:
        self.kept: list[Example] = []
        self._every, self._calls = 1, 0

    @contextmanager
    def of(self, model: nn.Module) -> Iterator[None]:
        hook = model.register_forward_pre_hook(self._see, with_kwargs=True, prepend=True)
        try:
            yield
        finally:
            hook.remove()

    def _see(self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._is_next():
            if len(self.kept) == _room(args, kwargs):
                self.kept, self._every = self.kept[::2], self._every * 2
            if self._is_next():
                self.kept.append(tree_map(_copied, as_example(model, args, kwargs)))
        self._calls += 1

    def _is_next(self) -> bool:
        return self._calls % self._every == 0


def _room(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    sizes = [len(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.dim()]
    return max(1, ENOUGH // max(1, *sizes[:1]))


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
