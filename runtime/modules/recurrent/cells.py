"""Modular twins of `nn.LSTMCell`, `nn.GRUCell` and `nn.RNNCell`: the projections `ih` and `hh`, and `gates`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runtime.modules.recurrent.gates import GRUGates, LSTMGates, RNNGates, State
from runtime.modules.twin import Twin, linear_on


class CellTwin(Twin, nn.RNNCellBase):
    """What the three have in common: projections and batching."""

    states = 1
    """How many tensors the state has."""
    ih: nn.Module
    hh: nn.Module
    gates: nn.Module

    def make_gates(self) -> nn.Module:
        raise NotImplementedError(f"{type(self).__name__} must say in make_gates what a step computes")

    def make_parts(self) -> None:
        for part in ("ih", "hh"):
            weight = self._parameters[f"weight_{part}"]
            assert weight is not None
            self.add_part(part, linear_on(weight, self._parameters[f"bias_{part}"]))
        self.add_part("gates", self.make_gates())

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        if not self._accepts(input, hx):
            # What torch refuses, torch refuses in its own words.
            return super().forward(input, hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            zeros = torch.zeros(input.shape[0], self.hidden_size, dtype=input.dtype, device=input.device)
            state: State = (zeros,) * self.states
        else:
            state = self._as_state(hx)
            state = state if batched else tuple(s.unsqueeze(0) for s in state)
        after = self.after_step(self.ih(input), state)
        return self._as_hx(after if batched else tuple(s.squeeze(0) for s in after))

    def after_step(self, projected: Tensor, state: State) -> State:
        """The state after it; `projected` is the product with the input."""
        after: State = self.gates(projected, self.hh(state[0]), state)
        return after

    def _accepts(self, input: Tensor, hx: Any) -> bool:
        """Whether these are arguments that torch takes."""
        if input.dim() not in (1, 2) or input.shape[-1] != self.input_size:
            return False
        if hx is None:
            return True
        if self.states > 1 and not (isinstance(hx, (tuple, list)) and len(hx) == self.states):
            return False
        expected = (*input.shape[:-1], self.hidden_size)
        return all(s.shape == expected for s in self._as_state(hx))

    def _as_state(self, hx: Any) -> State:
        return (hx,)

    def _as_hx(self, state: State) -> Any:
        return state[0]


class LSTMCell(CellTwin, nn.LSTMCell):
    """`nn.LSTMCell` made of parts."""

    original = nn.LSTMCell
    states = 2

    def make_gates(self) -> nn.Module:
        return LSTMGates()

    def _as_state(self, hx: Any) -> State:
        return tuple(hx)

    def _as_hx(self, state: State) -> Any:
        return state


class GRUCell(CellTwin, nn.GRUCell):
    """`nn.GRUCell` made of parts."""

    original = nn.GRUCell

    def make_gates(self) -> nn.Module:
        return GRUGates()


class RNNCell(CellTwin, nn.RNNCell):
    """`nn.RNNCell` made of parts, with tanh or ReLU."""

    original = nn.RNNCell

    def make_gates(self) -> nn.Module:
        return RNNGates(self.nonlinearity)

    def _accepts(self, input: Tensor, hx: Any) -> bool:
        return self.nonlinearity in ("tanh", "relu") and super()._accepts(input, hx)
