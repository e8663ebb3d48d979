"""Recurrent cells whose one step is one kernel, as are all steps of a layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import kernels
from runtime.int8.counterparts.recurrent import are_plain, weights_of
from runtime.int8.counterparts.sums import WideLinear
from runtime.modules.recurrent.cells import CellTwin
from runtime.modules.recurrent.gates import State


class OnKernel(CellTwin):
    """Where nothing but the product with the hidden state is other than the cell was made with."""

    def after_step(self, projected: Tensor, state: State) -> State:
        if not self.on_kernels():
            return super().after_step(projected, state)
        assert isinstance(self.hh, WideLinear)
        return self._on_kernel(projected.unsqueeze(0), state, self.hh)

    def on_kernels(self) -> dict[nn.Module, str]:
        """The parts that have no step of their own, and the product in whose kernel they are."""
        if not isinstance(self.hh, WideLinear) or not are_plain(self.gates):
            return {}
        return dict.fromkeys(self.gates.modules(), "hh")

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear) -> State:
        raise NotImplementedError


class LSTMCell(OnKernel, wrappers.LSTMCell):
    """An LSTMCell made of int8 modules."""

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear) -> State:
        outputs, cell = kernels.lstm(gates, state[0], state[1], *weights_of(product), False)
        return outputs[0], cell


class GRUCell(OnKernel, wrappers.GRUCell):
    """A GRUCell made of int8 modules."""

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear) -> State:
        return (kernels.gru(gates, state[0], *weights_of(product), False)[0],)


class RNNCell(OnKernel, wrappers.RNNCell):
    """An RNNCell made of int8 modules."""

    def _on_kernel(self, gates: Tensor, state: State, product: WideLinear) -> State:
        return (kernels.rnn(gates, state[0], *weights_of(product), self.nonlinearity == "relu", False)[0],)


_ON_KERNEL: dict[type[Any], type[OnKernel]] = {
    wrappers.LSTMCell: LSTMCell,
    wrappers.GRUCell: GRUCell,
    wrappers.RNNCell: RNNCell,
}


def step_on_kernel(module: nn.Module) -> None:
    """In place: whoever holds the module goes on doing so."""
    made = _ON_KERNEL.get(type(module))
    if made is not None:
        object.__setattr__(module, "__class__", made)
