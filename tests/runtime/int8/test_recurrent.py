"""Recurrent layers by default: one kernel for all steps, which holds over hundreds of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.modules as wrappers
from runtime.int8 import CompiledModel, compile, convert, report
from runtime.int8.files import from_bytes, to_bytes
from runtime.kernels.native import library
from runtime.quantization.calibration import calibrate
from runtime.quantization.checkpoint import load_checkpoint, save_checkpoint
from runtime.quantization.quantized.pointwise import QuantizedAdd
from runtime.quantization.quantized.wide import WideSum
from tests.runtime.int8.small import quantized
from tests.runtime.int8.test_loops import KINDS, Tagger

pytestmark = pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")


class Encoder(nn.Module):
    """The state at the end, and nothing else: the errors of all steps are in it."""

    def __init__(self, kind: type[nn.RNNBase], **settings: Any) -> None:
        super().__init__()
        self.recurrent = kind(20, 64, 3, batch_first=True, **settings)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.recurrent(x)[0][:, -1]
        return result


def encoder(kind: type[nn.RNNBase], **settings: Any) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    model = Encoder(kind, **settings)
    for parameter in model.parameters():
        parameter.data *= 2  # states that feed back as much as those of trained networks
    return model.eval(), torch.randn(6, 200, 20).cumsum(1) / 10


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(wrappers.LSTM, {}), (wrappers.GRU, {}), (wrappers.RNN, {}), (wrappers.LSTM, {"proj_size": 24})],
)
def test_states_hold_over_hundreds_of_steps(kind: type[nn.RNNBase], settings: dict[str, Any]) -> None:
    model, x = encoder(kind, **settings)
    unseen = x.flip(0) * 0.9
    converted = convert(quantized(model, x))
    with torch.no_grad():
        exact, given = model(unseen), compile(converted, x)(unseen)
    assert torch.cosine_similarity(exact, given).min() > 0.999
    assert 10 * torch.log10(exact.square().sum() / (exact - given).square().sum()) > 30


@pytest.mark.parametrize("name", [name for name in KINDS if name != "projected"])
def test_all_steps_are_one_operation(name: str) -> None:
    kind, settings = KINDS[name]
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6) * 2
    model = quantized(Tagger(kind, **settings), x)
    converted = convert(model)
    compiled = compile(converted, x)
    assert (compiled.reason, compiled.fixed) == ("", "") and compiled.program is not None
    parts = [line for line in report(converted).lines if "gates_" in line.name]
    assert parts and all(line.runs == "part" and "hh_l" in line.reason for line in parts)
    names = [op.name.split(".")[1] for op in compiled.program.ops]
    directions = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    assert sum(found in ("lstm", "gru", "rnn") for found in names) == directions
    loaded = CompiledModel(from_bytes(to_bytes(compiled.program)))
    for batch in (1, 4):
        x = torch.randn(batch, 5, 6) * 5
        with torch.no_grad():
            simulated, expected = model(x), converted(x)
        torch.testing.assert_close(expected, simulated, rtol=0, atol=0.02)
        for given in (compiled(x), loaded(x)):
            torch.testing.assert_close(given, expected, rtol=0, atol=1e-6)


class Stream(nn.Module):
    """One step, whose state the caller hands back: what it has lost is in all steps that follow."""

    def __init__(self, kind: type[nn.RNNCellBase]) -> None:
        super().__init__()
        self.inner = nn.Linear(20, 32)
        self.relu = nn.ReLU()
        self.cell = kind(32, 64)  # type: ignore[arg-type, call-arg]
        self.head = nn.Linear(64, 5)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        state = self.cell(self.relu(self.inner(x)), state)
        hidden = state[0] if isinstance(state, tuple) else state
        return self.head(hidden), state


@pytest.mark.parametrize("kind", [wrappers.LSTMCell, wrappers.GRUCell, wrappers.RNNCell])
def test_state_of_a_cell_that_the_caller_hands_back_holds_over_hundreds_of_steps(kind: type[nn.RNNCellBase]) -> None:
    torch.manual_seed(0)
    model = Stream(kind).eval()
    for parameter in model.cell.parameters():
        parameter.data *= 2
    zeros = torch.zeros(3, 64)
    begin: Any = (zeros, zeros) if kind is wrappers.LSTMCell else zeros
    steps = (torch.randn(3, 200, 20).cumsum(1) / 10).unbind(1)

    def run(model: nn.Module) -> tuple[Tensor, list[tuple[Tensor, Any]]]:
        results, calls, state = [], [], begin
        with torch.no_grad():
            for x in steps:
                calls.append((x, state))
                result, state = model(x, state)
                results.append(result)
        return torch.stack(results), calls

    exact, calls = run(model)
    converted = convert(runtime.quantize(model, calls[::10], batches=None, verbose=False))
    compiled = compile(converted, calls[0])
    assert compiled.reason == "" and compiled.program is not None
    names = [op.name.split(".")[1] for op in compiled.program.ops]
    assert sum(name in ("lstm", "gru", "rnn") for name in names) == 1 and not {"sigmoid", "tanh"} & set(names)
    assert {line.runs for line in report(converted).lines if "gates" in line.name} == {"part"}
    given, _ = run(compiled)
    assert torch.equal(given, run(converted)[0])
    assert 10 * torch.log10(exact.square().sum() / (exact - given).square().sum()) > 30
    assert torch.cosine_similarity(exact.flatten(), given.flatten(), 0) > 0.999


def test_bits_for_one_part_change_that_part_alone() -> None:
    x = torch.randn(3, 5, 6) * 2
    only = OrderedDict({r".*gates_l0\.add_cell": {"bits_activations": 8}})
    model = quantized(Tagger(wrappers.LSTM), x, overrides=only)
    replaced = {name for name, module in model.named_modules() if isinstance(module, (QuantizedAdd, WideSum))}
    assert replaced == {"recurrent.hh_l0"}  # nothing gives an addition in floating point integers
    both = OrderedDict({r".*gates_l0\.(add_cell|mult_.*|cell_tanh)": {"bits_activations": 8}})
    model = quantized(Tagger(wrappers.LSTM), x, overrides=both)
    assert isinstance(model.recurrent.gates_l0.add_cell, QuantizedAdd)
    assert type(model.recurrent.gates_l0.add_gates) is wrappers.EltWiseAdd


def test_nothing_is_calibrated_that_gets_no_grid() -> None:
    from runtime.quantization.recurrent import unobserved

    x, model = torch.randn(3, 5, 6), Tagger(wrappers.LSTM).eval()
    everything = calibrate(model, [x])
    less = calibrate(model, [x], unobserved=unobserved(model, lambda name: False))
    assert {key for key in everything if "gates_" in key} and not {key for key in less if "gates_" in key}


def test_checkpoints_bring_the_bits_that_were_chosen(tmp_path: Any) -> None:
    x = torch.randn(3, 5, 6) * torch.tensor([1000.0, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])  # 8 bits see the first alone
    model = Tagger(wrappers.LSTM)
    model.recurrent.weight_ih_l0.data[:, 0] *= 1e-3
    made = quantized(model, x)
    save_checkpoint(tmp_path / "model.pt", made)
    again = Tagger(wrappers.LSTM)
    load_checkpoint(tmp_path / "model.pt", again)
    torch.testing.assert_close(again(x), made(x), rtol=0, atol=0)
