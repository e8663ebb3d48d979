"""Recurrent layers whose gates are on integers as well are loops in a program: as large for many steps as for few."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8 import CompiledModel, compile, convert
from runtime.int8.files import FileError, from_bytes, to_bytes
from runtime.int8.program import LOOP, Program
from runtime.kernels.native import library
from tests.runtime.int8.small import quantized
from tests.runtime.int8.test_files import assembled, changed, parts, places

pytestmark = pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")


class Tagger(nn.Module):
    """A recurrent layer and a classifier of every step; the state at the end goes out too."""

    def __init__(self, kind: type[nn.RNNBase], **settings: Any) -> None:
        super().__init__()
        self.recurrent = kind(6, 8, batch_first=True, **settings)  # type: ignore[arg-type]
        width = (settings.get("proj_size") or 8) * (2 if settings.get("bidirectional") else 1)
        self.fc = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        outputs, state = self.recurrent(x)
        return self.fc(outputs), state


def compiled_pair(steps: int, kind: type[nn.RNNBase], **settings: Any) -> tuple[nn.Module, CompiledModel]:
    torch.manual_seed(steps)
    x = torch.randn(3, steps, 6) * 2
    everything = OrderedDict({".*": {"bits_activations": 8}})
    converted = convert(quantized(Tagger(kind, **settings), x, overrides=everything))
    compiled = compile(converted, x)
    assert (compiled.reason, compiled.fixed) == ("", "")
    return converted, compiled


def programs(compiled: CompiledModel) -> list[Program]:
    """The program and the bodies of its loops."""
    assert compiled.program is not None
    return [compiled.program, *(op.body for op in compiled.program.ops if op.body is not None)]


KINDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "LSTM": (wrappers.LSTM, {}),
    "two layers": (wrappers.LSTM, {"num_layers": 2}),
    "both directions": (wrappers.LSTM, {"bidirectional": True}),
    "projected": (wrappers.LSTM, {"proj_size": 5}),
    "GRU": (wrappers.GRU, {"num_layers": 2, "bidirectional": True}),
    "tanh": (wrappers.RNN, {}),
    "relu": (wrappers.RNN, {"nonlinearity": "relu", "bias": False}),
}


@pytest.mark.parametrize("name", KINDS)
def test_loops_give_what_steps_one_by_one_give(name: str) -> None:
    kind, settings = KINDS[name]
    converted, compiled = compiled_pair(5, kind, **settings)
    directions = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    assert len(programs(compiled)) == 1 + directions
    loaded = CompiledModel(from_bytes(to_bytes(programs(compiled)[0])))
    for batch in (1, 4):
        x = torch.randn(batch, 5, 6) * 5
        with torch.no_grad():
            expected = converted(x)
        for given in (compiled(x), loaded(x)):
            torch.testing.assert_close(given, expected, rtol=0, atol=0)


def test_more_steps_are_no_longer_program() -> None:
    few, many = (programs(compiled_pair(steps, wrappers.LSTM, num_layers=2)[1]) for steps in (3, 20))
    assert [len(program.ops) for program in few] == [len(program.ops) for program in many]


def test_states_are_codes_from_step_to_step() -> None:
    _, compiled = compiled_pair(4, wrappers.LSTM)
    body = programs(compiled)[1]
    assert {x.dtype for x in body.inputs} == {torch.uint8}
    assert not any("quantize" in op.name for op in body.ops)


def test_steps_share_their_weights() -> None:
    _, compiled = compiled_pair(20, wrappers.LSTM)
    weights = 4 * 8 * (6 + 8)
    assert (
        weights
        < sum(x.nbytes for program in programs(compiled) for x in program.constants if x.dim() > 1)
        < 2 * weights
    )


def test_steps_are_profiled_by_their_layer() -> None:
    _, compiled = compiled_pair(4, wrappers.LSTM)
    layers = [timing.layer for timing in compiled.profile(torch.randn(1, 4, 6))]
    assert layers.count("recurrent.hh_l0") == 3  # what the first makes of zeros is known before
    assert layers.count("recurrent.gates_l0.cell_tanh") == 4


def test_a_captured_model_goes_on_step_by_step() -> None:
    """Loops are a matter of programs: whoever exports the converted model gets its steps."""
    converted, _ = compiled_pair(3, wrappers.GRU)
    exported = torch.export.export(copy.deepcopy(converted), (torch.randn(2, 3, 6),))
    assert not any("walk" in str(node.target) for node in exported.graph.nodes)


@pytest.fixture(scope="module")
def loop_file() -> bytes:
    return to_bytes(programs(compiled_pair(3, wrappers.GRU)[1])[0])


def test_loops_that_are_none_are_refused(loop_file: bytes) -> None:
    described, tensors = parts(loop_file)
    at = next(i for i, op in enumerate(described["ops"]) if op[0] == LOOP)
    body = described["ops"][at][4]
    nested = changed(described, ("ops", at, 4, "ops", 0), [LOOP, [{"value": 0}, [{"value": 1}]], {}, "", body])
    for damaged, message in (
        (nested, "a loop has one body, which has no loop in it"),
        (changed(described, ("ops", at), described["ops"][at][:4]), "a loop has one body"),
        (changed(described, ("ops", at, 1, 0), [0]), "a loop walks a tensor"),
        (changed(described, ("ops", at, 4, "outputs", "children"), []), "a loop with 1 parts of the state makes 0"),
    ):
        with pytest.raises(FileError, match=message):
            from_bytes(assembled(json.dumps(damaged).encode(), tensors))


def test_damaged_loops_end_in_an_exception_or_run(loop_file: bytes) -> None:
    described, tensors = parts(loop_file)
    at = next(i for i, op in enumerate(described["ops"]) if op[0] == LOOP)
    x, refused = torch.randn(2, 3, 6), 0
    everywhere = [path for path in places(described) if path[:2] == ("ops", at)]
    for path in everywhere:
        try:
            CompiledModel(from_bytes(assembled(json.dumps(changed(described, path, 2**31)).encode(), tensors)))(x)
        except Exception:
            refused += 1
    assert refused > len(everywhere) // 2
