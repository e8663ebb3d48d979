"""Walks one layer in one direction over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from runtime.modules.recurrent.gates import State

Step = Callable[[Tensor, State], State]


def walk(steps: Sequence[Tensor], state: State, step: Step) -> tuple[list[Tensor], State]:
    """Every step has the whole batch."""
    outputs = []
    for projected in steps:
        state = step(projected, state)
        outputs.append(state[0])
    return outputs, state


def walk_packed(steps: Sequence[Tensor], state: State, step: Step, carry: nn.Module) -> tuple[list[Tensor], State]:
    """Steps get narrower, longest sequence first, as packed data is: a state that ends is put aside until the end."""
    outputs, ended = [], []
    for projected in steps:
        width = projected.shape[0]
        if width < state[0].shape[0]:
            ended.append(tuple(s[width:] for s in state))
            state = tuple(s[:width] for s in state)
        state = step(projected, state)
        outputs.append(state[0])
    return outputs, carry(state, *reversed(ended)) if ended else state


def walk_packed_reverse(
    steps: Sequence[Tensor], state: State, step: Step, carry: nn.Module
) -> tuple[list[Tensor], State]:
    """Steps get wider, from the last: a sequence starts, from its initial state, where its last step is."""
    initial, state = state, tuple(s[: steps[0].shape[0]] for s in state)
    outputs = []
    for projected in steps:
        present, width = state[0].shape[0], projected.shape[0]
        if width > present:
            state = carry(state, tuple(s[present:width] for s in initial))
        state = step(projected, state)
        outputs.append(state[0])
    return outputs, state
