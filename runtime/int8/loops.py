"""The steps of a recurrent layer as one operation, whose body is captured once and runs for each step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class _Noting(threading.local):
    now: list[nn.Module] | None = None


_noting = _Noting()


@torch.library.custom_op("runtime_loops::walk", mutates_args=())
def walk(steps: Tensor, state: list[Tensor], body: int) -> list[Tensor]:
    """What `body` makes of the state along the first dimension of `steps`, as `body(step, *state)`: the first part of
    it after each step, stacked, then all of it at the end. Stands in captured graphs only."""
    raise NotImplementedError("steps are walked by programs")


@walk.register_fake
def _(steps: Tensor, state: list[Tensor], body: int) -> list[Tensor]:
    stacked = state[0].new_empty(steps.shape[0], *state[0].shape)
    return [stacked, *(torch.empty_like(part) for part in state)]


@contextmanager
def noted() -> Iterator[list[nn.Module]]:
    """Gathers the bodies of the loops that this thread meets inside, by their numbers."""
    _noting.now = []
    try:
        yield _noting.now
    finally:
        _noting.now = None


def noting() -> bool:
    return _noting.now is not None


def walked(steps: Tensor, state: tuple[Tensor, ...], body: nn.Module) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The first part of the state after each step, and all of it at the end: a loop, once the state keeps its kind.

    A state that starts in floating point may be codes after the first step, which then stands before the loop.
    """
    assert _noting.now is not None
    before: list[Tensor] = []
    for number in range(steps.shape[0]):
        after: tuple[Tensor, ...] = body(steps[number], *state)
        if _kinds(after) == _kinds(state):
            _noting.now.append(body)
            stacked, *state_parts = walk(steps[number:], list(state), len(_noting.now) - 1)
            return torch.cat([*before, stacked]) if before else stacked, tuple(state_parts)
        before.append(after[0].unsqueeze(0))
        state = after
    return torch.cat(before), state


def _kinds(state: tuple[Tensor, ...]) -> list[tuple[torch.dtype, torch.Size]]:
    return [(part.dtype, part.shape) for part in state]
