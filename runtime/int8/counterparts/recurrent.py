"""Recurrent layers whose steps a program runs as a loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import kernels
from runtime.int8.counterparts.base import Int8Module
from runtime.int8.counterparts.pairs import Join
from runtime.int8.counterparts.sums import WideLinear
from runtime.int8.loops import noting, walked
from runtime.modules.recurrent.gates import State
from runtime.modules.recurrent.layers import RecurrentTwin
from runtime.quantization.quantized.base import QuantizedModule


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
        product = getattr(self, f"hh_{suffix}")
        if sizes is None and isinstance(product, WideLinear) and self._plain(suffix):
            outputs, state = self._on_kernel(getattr(self, f"ih_{suffix}")(input), state, product, reverse)
            join = getattr(self, f"join_{suffix}")
            plain = isinstance(join, wrappers.Concat)
            return outputs if plain else _joined(join, outputs).reshape(outputs.shape), state
        if sizes is not None or not noting():
            return super()._run_direction(input, state, suffix, reverse, sizes)
        steps: Tensor = getattr(self, f"ih_{suffix}")(input)
        outputs, state = walked(steps.flip(0) if reverse else steps, state, Step(self, suffix))
        joined = _joined(getattr(self, f"join_{suffix}"), outputs.flip(0) if reverse else outputs)
        return joined.reshape(outputs.shape), state

    def on_kernels(self) -> dict[nn.Module, str]:
        """The parts that have no steps of their own, and the product in whose kernel they are."""
        suffixes = [name.removeprefix("hh_") for name, part in self._modules.items() if isinstance(part, WideLinear)]
        return {
            part: f"hh_{suffix}"
            for suffix in suffixes
            if self._plain(suffix)
            for part in getattr(self, f"gates_{suffix}").modules()
        }

    def _plain(self, suffix: str) -> bool:
        """Whether nothing in a step but the product is other than the layer was made with."""
        return self.proj_size == 0 and are_plain(getattr(self, f"gates_{suffix}"))

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear, reverse: bool) -> tuple[Tensor, State]:
        """All steps in one: the hidden state after each, and the state at the end."""
        raise NotImplementedError


def are_plain(gates: nn.Module) -> bool:
    """Whether all of a step's arithmetic is in floating point."""
    return not any(isinstance(part, (Int8Module, QuantizedModule)) for part in gates.modules())


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

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear, reverse: bool) -> tuple[Tensor, State]:
        outputs, cell = kernels.lstm(gates, state[0], state[1], *weights_of(product), reverse)
        return outputs, (_last(outputs, reverse), cell)


class GRU(Looping, wrappers.GRU):
    """A GRU made of int8 modules."""

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear, reverse: bool) -> tuple[Tensor, State]:
        outputs = kernels.gru(gates, state[0], *weights_of(product), reverse)
        return outputs, (_last(outputs, reverse),)


class RNN(Looping, wrappers.RNN):
    """An RNN made of int8 modules."""

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear, reverse: bool) -> tuple[Tensor, State]:
        relu = self.nonlinearity == "relu"
        outputs = kernels.rnn(gates, state[0], *weights_of(product), relu, reverse)
        return outputs, (_last(outputs, reverse),)


def weights_of(product: WideLinear) -> tuple[Tensor, Tensor, Tensor, float]:
    bias = torch.zeros_like(product.multiplier) if product.bias is None else product.bias
    return product.integers, bias, product.multiplier, product.scale


def _last(outputs: Tensor, reverse: bool) -> Tensor:
    return outputs[0] if reverse else outputs[-1]


_LOOPING: dict[type[Any], type[Looping]] = {wrappers.LSTM: LSTM, wrappers.GRU: GRU, wrappers.RNN: RNN}


def loop_in_programs(module: nn.Module) -> None:
    """In place: whoever holds the module goes on doing so."""
    looping = _LOOPING.get(type(module))
    if looping is not None:
        object.__setattr__(module, "__class__", looping)
