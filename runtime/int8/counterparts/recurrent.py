"""Recurrent layers whose steps a program runs as a loop."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8.counterparts.pairs import Join
from runtime.int8.loops import noting, walked
from runtime.modules.recurrent.gates import State
from runtime.modules.recurrent.layers import RecurrentTwin


class Step(nn.Module):
    """What the steps of one layer and direction share, called with a step's share of the input and the state."""

    def __init__(self, layer: RecurrentTwin, suffix: str) -> None:
        super().__init__()
        self._suffix = suffix
        for name in (f"hh_{suffix}", f"gates_{suffix}", f"hr_{suffix}"):
            if hasattr(layer, name):
                self.add_module(name, getattr(layer, name))

    def forward(self, *given: Tensor) -> State:
        projected, *state = given
        part = self._modules.__getitem__
        hh, gates, hr = (
            part(f"hh_{self._suffix}"),
            part(f"gates_{self._suffix}"),
            self._modules.get(f"hr_{self._suffix}"),
        )
        assert hh is not None and gates is not None
        after: State = gates(projected, hh(state[0]), tuple(state))
        return after if hr is None else (hr(after[0]), *after[1:])


class Looping(RecurrentTwin):
    """While a program is captured, the steps of a direction are a loop; else they run one by one."""

    def _run_direction(
        self, input: Tensor, state: State, suffix: str, reverse: bool, sizes: list[int] | None
    ) -> tuple[Tensor, State]:
        if sizes is not None or not noting():
            return super()._run_direction(input, state, suffix, reverse, sizes)
        steps: Tensor = getattr(self, f"ih_{suffix}")(input)
        outputs, state = walked(steps.flip(0) if reverse else steps, state, Step(self, suffix))
        joined = _joined(getattr(self, f"join_{suffix}"), outputs.flip(0) if reverse else outputs)
        return joined.reshape(outputs.shape), state


def _joined(join: nn.Module, outputs: Tensor) -> Tensor:
    """What `join`, which takes a tensor for each step, makes of all of them."""
    if isinstance(join, wrappers.Concat):
        return outputs.flatten(0, 1)
    if isinstance(join, Join) and len(set(join.inputs)) == 1:
        return join.alike(outputs.flatten(0, 1))
    joined: Tensor = join(list(outputs.unbind(0)))
    return joined


class LSTM(Looping, wrappers.LSTM):
    """An LSTM made of int8 modules."""


class GRU(Looping, wrappers.GRU):
    """A GRU made of int8 modules."""


class RNN(Looping, wrappers.RNN):
    """An RNN made of int8 modules."""


_LOOPING: dict[type[Any], type[Looping]] = {wrappers.LSTM: LSTM, wrappers.GRU: GRU, wrappers.RNN: RNN}


def loop_in_programs(module: nn.Module) -> None:
    """In place: whoever holds the module goes on doing so."""
    looping = _LOOPING.get(type(module))
    if looping is not None:
        object.__setattr__(module, "__class__", looping)
