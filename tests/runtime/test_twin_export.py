"""The twins under torch.compile, torch.export and ONNX export."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.modules import convert

MODULES: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
    "LSTM": (nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), (torch.randn(2, 3, 3),)),
    "GRU": (nn.GRU(3, 4), (torch.randn(3, 2, 3), torch.randn(1, 2, 4))),
    "RNN": (nn.RNN(3, 4), (torch.randn(3, 2, 3),)),
    "LSTMCell": (nn.LSTMCell(3, 4), (torch.randn(2, 3),)),
    "MultiheadAttention": (nn.MultiheadAttention(8, 2), (torch.randn(3, 2, 8),) * 3),
    "Transformer": (nn.Transformer(8, 2, 1, 1, 16), (torch.randn(3, 2, 8), torch.randn(4, 2, 8))),
}


@pytest.fixture(params=MODULES)
def case(request: pytest.FixtureRequest) -> Any:
    original, inputs = MODULES[request.param]
    original.eval()
    return original, convert(copy.deepcopy(original)), inputs


def first(result: Any) -> Tensor:
    while not isinstance(result, Tensor):
        result = result[0]
    return result


@pytest.mark.parametrize("whole", [False, True])
def test_compiles(case: Any, whole: bool) -> None:
    original, twin, inputs = case
    torch.compiler.reset()
    # Dynamo breaks its graph at any instance of nn.LSTM, nn.GRU and nn.RNN, which twins are, unless it is told not to.
    with torch._dynamo.config.patch(allow_rnn=whole):
        compiled = torch.compile(twin, backend="eager", fullgraph=whole)
        assert torch.allclose(first(compiled(*inputs)), first(original(*inputs)), atol=1e-5)


def test_exports(case: Any) -> None:
    original, twin, inputs = case
    program = torch.export.export(twin, inputs)
    assert torch.allclose(first(program.module()(*inputs)), first(original(*inputs)), atol=1e-5)
    assert set(program.state_dict) >= set(original.state_dict())


def test_exports_with_a_batch_of_any_size() -> None:
    original, _ = MODULES["LSTM"]
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(
        convert(copy.deepcopy(original)), (torch.randn(3, 3, 3),), dynamic_shapes=({0: batch},)
    )
    x = torch.randn(7, 3, 3)
    assert torch.allclose(program.module()(x)[0], original(x)[0], atol=1e-5)


def test_exports_to_onnx(case: Any) -> None:
    pytest.importorskip("onnxscript", reason="ONNX export needs onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime", reason="running the export needs onnxruntime")
    original, twin, inputs = case
    exported = torch.onnx.export(twin, inputs, dynamo=True, verbose=False)
    file = io.BytesIO()
    exported.save(file)
    session = onnxruntime.InferenceSession(file.getvalue())
    names = [i.name for i in session.get_inputs()]
    distinct = list({id(t): t for t in inputs}.values()) if len(names) < len(inputs) else list(inputs)
    outputs = session.run(None, {name: t.numpy() for name, t in zip(names, distinct, strict=True)})
    assert torch.allclose(torch.from_numpy(outputs[0]), first(original(*inputs)), atol=1e-5)
