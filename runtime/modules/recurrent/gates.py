"""The arithmetic of one time step, one module an operation: a quantizer gives each its own range.

Each takes the projected input and the projected hidden state of a step, stacked over the gates as torch stacks them,
and the state before the step; it returns the state after. A state is a tuple of tensors, the hidden state first.
"""

from __future__ import annotations

from torch import Tensor, nn

from runtime.modules.operations import Chunk, Concat, EltWiseAdd, EltWiseMult, EltWiseSub

State = tuple[Tensor, ...]


class LSTMGates(nn.Module):
    """`c' = f * c + i * g` and `h' = o * tanh(c')`, the gates in torch's order i, f, g, o."""

    def __init__(self) -> None:
        super().__init__()
        self.add_gates = EltWiseAdd()
        self.chunk = Chunk(4, dim=-1)
        self.input_gate = nn.Sigmoid()
        self.forget_gate = nn.Sigmoid()
        self.cell_gate = nn.Tanh()
        self.output_gate = nn.Sigmoid()
        self.mult_forget = EltWiseMult()
        self.mult_input = EltWiseMult()
        self.add_cell = EltWiseAdd()
        self.cell_tanh = nn.Tanh()
        self.mult_output = EltWiseMult()

    def forward(self, projected_input: Tensor, projected_hidden: Tensor, state: State) -> State:
        i, f, g, o = self.chunk(self.add_gates(projected_hidden, projected_input))
        kept = self.mult_forget(self.forget_gate(f), state[1])
        c = self.add_cell(kept, self.mult_input(self.input_gate(i), self.cell_gate(g)))
        return self.mult_output(self.output_gate(o), self.cell_tanh(c)), c


class GRUGates(nn.Module):
    """`h' = (h - n) * z + n`, the gates in torch's order r, z, n; the reset gate acts on the projected hidden state."""

    def __init__(self) -> None:
        super().__init__()
        self.chunk_input = Chunk(3, dim=-1)
        self.chunk_hidden = Chunk(3, dim=-1)
        self.add_reset = EltWiseAdd()
        self.add_update = EltWiseAdd()
        self.reset_gate = nn.Sigmoid()
        self.update_gate = nn.Sigmoid()
        self.mult_reset = EltWiseMult()
        self.add_new = EltWiseAdd()
        self.new_gate = nn.Tanh()
        self.sub_new = EltWiseSub()
        self.mult_update = EltWiseMult()
        self.add_hidden = EltWiseAdd()

    def forward(self, projected_input: Tensor, projected_hidden: Tensor, state: State) -> State:
        reset_x, update_x, new_x = self.chunk_input(projected_input)
        reset_h, update_h, new_h = self.chunk_hidden(projected_hidden)
        reset = self.reset_gate(self.add_reset(reset_h, reset_x))
        update = self.update_gate(self.add_update(update_h, update_x))
        new = self.new_gate(self.add_new(new_x, self.mult_reset(new_h, reset)))
        return (self.add_hidden(self.mult_update(self.sub_new(state[0], new), update), new),)


class RNNGates(nn.Module):
    """`h' = tanh(x + h)`, or ReLU."""

    def __init__(self, nonlinearity: str) -> None:
        super().__init__()
        self.add = EltWiseAdd()
        self.activation: nn.Module = nn.Tanh() if nonlinearity == "tanh" else nn.ReLU()

    def forward(self, projected_input: Tensor, projected_hidden: Tensor, state: State) -> State:
        return (self.activation(self.add(projected_hidden, projected_input)),)


class Carry(nn.Module):
    """Joins the states of sequences that begin or end at different steps of a packed batch."""

    def __init__(self, states: int) -> None:
        super().__init__()
        self.concats = nn.ModuleList(Concat(dim=0) for _ in range(states))

    def forward(self, *pieces: State) -> State:
        return tuple(concat(column) for concat, column in zip(self.concats, zip(*pieces, strict=True), strict=True))
