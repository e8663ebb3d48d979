"""Modular twins of `nn.LSTM`, `nn.GRU` and `nn.RNN`.

A layer and direction is made of `ih_l0` and `hh_l0` (the projections, `nn.Linear` over all gates stacked as torch
stacks them), `gates_l0`, `hr_l0` where an LSTM projects its hidden state, and what joins its steps; the suffixes are
those of torch's parameters, `weight_ih_l0_reverse` being the weight of `ih_l0_reverse`. Time steps share the parts,
layers and directions do not. The input projection of a layer is one call for all steps.

`torch.compile` breaks its graph at whatever is an `nn.LSTM`, `nn.GRU` or `nn.RNN`, a twin too, and runs it eagerly;
with `torch._dynamo.config.allow_rnn = True` it takes a twin into the graph like any module.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from runtime.modules.operations import Concat, Stack
from runtime.modules.recurrent.gates import Carry, GRUGates, LSTMGates, RNNGates, State
from runtime.modules.recurrent.prepacked import prepacked
from runtime.modules.recurrent.steps import walk, walk_packed, walk_packed_reverse
from runtime.modules.twin import DropoutTwin, linear_on


class RecurrentTwin(DropoutTwin, nn.RNNBase):
    """What the three have in common: layers, directions, packing, batching."""

    states = 1
    """How many tensors the state has."""
    stack_states: nn.ModuleList

    def make_gates(self) -> nn.Module:
        raise NotImplementedError(f"{type(self).__name__} must say in make_gates what a step computes")

    def make_parts(self) -> None:
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                self._make_direction(suffix)
            if self.bidirectional:
                self.add_part(f"concat_l{layer}", Concat(dim=-1))
            if layer < self.num_layers - 1:
                self.add_part(f"dropout_l{layer}", nn.Dropout(self.dropout))
        self.add_part("stack_states", nn.ModuleList(Stack(dim=0) for _ in range(self.states)))

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        return (f"l{layer}", f"l{layer}_reverse") if self.bidirectional else (f"l{layer}",)

    def _make_direction(self, suffix: str) -> None:
        parameters = self._parameters
        for part in ("ih", "hh"):
            weight, bias = parameters[f"weight_{part}_{suffix}"], parameters.get(f"bias_{part}_{suffix}")
            assert weight is not None
            self.add_part(f"{part}_{suffix}", linear_on(weight, bias))
        self.add_part(f"gates_{suffix}", self.make_gates())
        projection = parameters.get(f"weight_hr_{suffix}")
        if projection is not None:
            self.add_part(f"hr_{suffix}", linear_on(projection))
        self.add_part(f"join_{suffix}", Concat(dim=0))
        self.add_part(f"carry_{suffix}", Carry(self.states))

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        if not self._accepts(input, hx):
            # What torch refuses, torch refuses in its own words.
            return super().forward(input, hx)
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(1)
            hx = None if hx is None else self._as_hx(tuple(s.unsqueeze(1) for s in self._as_state(hx)))
        elif self.batch_first:
            input = input.transpose(0, 1)
        state = self._initial_state(input, input.shape[1], hx)
        output, state = self._run(input, state, None)
        if not batched:
            return output.squeeze(1), self._as_hx(tuple(s.squeeze(1) for s in state))
        return output.transpose(0, 1) if self.batch_first else output, self._as_hx(state)

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, batch_sizes, sorted_indices, unsorted_indices = input
        sizes: list[int] = batch_sizes.tolist()
        if hx is not None:
            hx = self.permute_hidden(hx, sorted_indices)
        output, state = self._run(data, self._initial_state(data, sizes[0], hx), sizes)
        packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return packed, self.permute_hidden(self._as_hx(state), unsorted_indices)

    def _run(self, input: Tensor, state: State, sizes: list[int] | None) -> tuple[Tensor, State]:
        """Input is (time, batch, features), or packed data (steps, features) with `sizes`."""
        directions = 2 if self.bidirectional else 1
        finals: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                start = tuple(s[layer * directions + direction] for s in state)
                output, final = self._run_direction(input, start, suffix, direction == 1, sizes)
                outputs.append(output)
                finals.append(final)
            input = getattr(self, f"concat_l{layer}")(outputs) if self.bidirectional else outputs[0]
            if layer < self.num_layers - 1:
                input = getattr(self, f"dropout_l{layer}")(input)
        columns = zip(*finals, strict=True)
        return input, tuple(stack(list(column)) for stack, column in zip(self.stack_states, columns, strict=True))

    def _run_direction(
        self, input: Tensor, state: State, suffix: str, reverse: bool, sizes: list[int] | None
    ) -> tuple[Tensor, State]:
        gates = getattr(self, f"gates_{suffix}")
        hr = getattr(self, f"hr_{suffix}") if self.proj_size > 0 else None

        ih = prepacked(getattr(self, f"ih_{suffix}"), 1, input.numel() // input.shape[-1])
        projected = ih(input)
        steps = list(projected.unbind(0) if sizes is None else torch.split(projected, sizes))
        hh = prepacked(getattr(self, f"hh_{suffix}"), len(steps), state[0].shape[0])

        def step(projected: Tensor, state: State) -> State:
            after: State = gates(projected, hh(state[0]), state)
            return after if hr is None else (hr(after[0]), *after[1:])

        if reverse:
            steps.reverse()
        if sizes is None:
            outputs, state = walk(steps, state, step)
        else:
            walk_ragged = walk_packed_reverse if reverse else walk_packed
            outputs, state = walk_ragged(steps, state, step, getattr(self, f"carry_{suffix}"))
        if reverse:
            outputs.reverse()
        joined: Tensor = getattr(self, f"join_{suffix}")(outputs)
        if sizes is None:
            joined = joined.reshape(len(outputs), *outputs[0].shape)
        return joined, state

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.hidden_size,)

    def _initial_state(self, input: Tensor, batch: int, hx: Any) -> State:
        if hx is not None:
            return self._as_state(hx)
        cells = self.num_layers * (2 if self.bidirectional else 1)
        return tuple(
            torch.zeros(cells, batch, size, dtype=input.dtype, device=input.device) for size in self._state_sizes()
        )

    def _accepts(self, input: Tensor | PackedSequence, hx: Any) -> bool:
        """Whether these are arguments that torch takes."""
        packed = isinstance(input, PackedSequence)
        data: Tensor = input.data if isinstance(input, PackedSequence) else input
        if data.dim() not in ((2,) if packed else (2, 3)) or data.shape[-1] != self.input_size:
            return False
        batched = packed or data.dim() == 3
        if not packed and data.shape[1 if batched and self.batch_first else 0] == 0:
            return False
        weight = self._parameters.get("weight_ih_l0")
        autocast = torch._C._is_any_autocast_enabled()
        if weight is not None and data.dtype != weight.dtype and not autocast:
            return False
        if hx is None:
            return True
        if isinstance(input, PackedSequence):
            batch: int | None = int(input.batch_sizes[0])
        else:
            batch = data.shape[0 if self.batch_first else 1] if batched else None
        return self._accepts_state(hx, batch, None if autocast else data.dtype)

    def _accepts_state(self, hx: Any, batch: int | None, dtype: torch.dtype | None) -> bool:
        if self.states > 1 and not (isinstance(hx, (tuple, list)) and len(hx) == self.states):
            return False
        cells = self.num_layers * (2 if self.bidirectional else 1)
        for tensor, size in zip(self._as_state(hx), self._state_sizes(), strict=True):
            if tensor.shape != ((cells, size) if batch is None else (cells, batch, size)):
                return False
            if dtype is not None and tensor.dtype != dtype:
                return False
        return True

    def _as_state(self, hx: Any) -> State:
        return (hx,)

    def _as_hx(self, state: State) -> Any:
        return state[0]


class LSTM(RecurrentTwin, nn.LSTM):
    """`nn.LSTM` made of parts."""

    original = nn.LSTM
    states = 2

    def make_gates(self) -> nn.Module:
        return LSTMGates()

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def _as_state(self, hx: Any) -> State:
        return tuple(hx)

    def _as_hx(self, state: State) -> Any:
        return state


class GRU(RecurrentTwin, nn.GRU):
    """`nn.GRU` made of parts."""

    original = nn.GRU

    def make_gates(self) -> nn.Module:
        return GRUGates()


class RNN(RecurrentTwin, nn.RNN):
    """`nn.RNN` made of parts, with tanh or ReLU."""

    original = nn.RNN

    def make_gates(self) -> nn.Module:
        return RNNGates(self.nonlinearity)
