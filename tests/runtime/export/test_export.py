"""Quantized models as programs and as ONNX compute what they compute here."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.export
import runtime.int8
from runtime.modules import GRU, LSTM, Concat, EltWiseAdd, EltWiseMult, Matmul, Mean

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


class Net(nn.Module):
    """Every kind of quantized module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.depthwise, self.relu6 = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.ReLU6()
        self.add, self.mul, self.concat = EltWiseAdd(), EltWiseMult(), Concat(dim=1)
        self.up, self.sigmoid = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Sigmoid()
        self.pool, self.mean, self.flatten = nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        self.linear = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv(x)))
        y = self.relu6(self.add(x, self.depthwise(x)))
        z = self.sigmoid(self.up(self.pool(self.concat(self.mul(x, y), y))))
        return self.linear(self.flatten(self.mean(z)))


class Recurrent(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.embedding, self.layer, self.head = nn.Embedding(20, 8), layer, nn.Linear(16, 4)

    def forward(self, tokens: Tensor) -> Any:
        return self.head(self.layer(self.embedding(tokens))[0])


def quantized(model: nn.Module, data: list[Tensor], **settings: Any) -> nn.Module:
    return runtime.quantize(model.eval(), data, verbose=False, **settings)


@pytest.fixture(scope="module")
def net() -> tuple[nn.Module, list[Tensor]]:
    torch.manual_seed(0)
    data = [torch.randn(3, 3, 8, 8) for _ in range(4)]
    return quantized(Net(), data), data


def steps_apart(result: Tensor, expected: Tensor) -> float:
    """In 255ths of the range of the result."""
    return float((result - expected).abs().max() / ((expected.max() - expected.min()) / 255))


def in_onnxruntime(path: Path, batch: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: batch.numpy()})[0])


def test_a_program_has_pt2es_operators_and_any_batch_size(net: tuple[nn.Module, list[Tensor]]) -> None:
    model, data = net
    exported = runtime.export.program(model, data[0])
    names = Counter(str(node.target) for node in exported.graph.nodes if node.op == "call_function")
    assert names["quantized_decomposed.dequantize_per_channel.default"] == 4, "the weights; biases are real numbers"
    assert names["quantized_decomposed.quantize_per_tensor.default"] >= 8
    for batch in (data[1], data[1][:2], torch.cat(data)):
        assert steps_apart(exported.module()(batch), model(batch)) <= 1
    again = runtime.export.program(model, data[0][:1])
    assert steps_apart(again.module()(data[1]), model(data[1])) <= 1, "an example of one is no batch of one forever"


def test_each_operator_of_a_program_dequantizes_for_itself(net: tuple[nn.Module, list[Tensor]]) -> None:
    model, data = net
    nodes = runtime.export.program(model, data[0]).graph.nodes
    of_activations = [n for n in nodes if n.target is torch.ops.quantized_decomposed.dequantize_per_tensor.default]
    assert len(of_activations) > 10 and all(len(n.users) == 1 for n in of_activations)


def test_signed_activations_are_the_same_steps_as_int8(net: tuple[nn.Module, list[Tensor]]) -> None:
    model, data = net
    unsigned, signed = (runtime.export.program(model, data[0], signed=s) for s in (False, True))
    quantize = torch.ops.quantized_decomposed.quantize_per_tensor.default
    assert {n.args[-1] for n in signed.graph.nodes if n.target is quantize} == {torch.int8}
    assert torch.equal(signed.module()(data[1]), unsigned.module()(data[1]))


@pytest.mark.parametrize("converted", [False, True])
def test_onnx_is_standard_and_within_a_step(
    net: tuple[nn.Module, list[Tensor]], converted: bool, tmp_path: Path
) -> None:
    model, data = net
    path = tmp_path / "net.onnx"
    runtime.export.onnx(runtime.int8.convert(model) if converted else model, path, data[0])
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} == {""} and proto.opset_import[0].version == runtime.export.OPSET
    stored = {i.name: i for i in proto.graph.initializer}
    weights = [n for n in proto.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in stored]
    kinds = Counter(onnx.TensorProto.DataType.Name(stored[n.input[0]].data_type) for n in weights)
    assert kinds == {"INT8": 4, "INT32": 3}
    assert [list(stored[n.input[1]].dims) for n in weights if "conv.weight" in n.input[0]] == [[8]], "a scale a channel"
    for batch in (data[1], torch.cat(data)):
        assert steps_apart(in_onnxruntime(path, batch), model(batch)) <= 1


class Sums(nn.Module):
    """Sums of sums, whose codes lie next to a half now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(6))
        self.adds = nn.ModuleList(EltWiseAdd() for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        for conv, add in zip(self.convs, self.adds, strict=True):
            x = add(x, conv(x))
        return x


def test_inputs_and_sums_have_onnx_runtimes_codes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = [torch.randn(4, 8, 32, 32) for _ in range(4)]
    model, path = quantized(Sums(), data), tmp_path / "sums.onnx"
    runtime.export.onnx(model, path, data[0])
    apart = [steps_apart(in_onnxruntime(path, batch), model(batch)) for batch in data]
    assert max(apart) < 1e-3, "another code would be seen in a hundredth of a step and more"


class Averages(nn.Module):
    """Means and poolings of few numbers, whose quotients often lie right between two codes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.pool = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)
        self.padded, self.again = nn.AvgPool2d(3, 1, 1), nn.Conv2d(8, 8, 1)
        self.adaptive, self.mean, self.head = nn.AdaptiveAvgPool2d(4), Mean(dim=[2, 3]), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.padded(self.pool(self.relu(self.conv(x)))))
        return self.head(self.mean(self.adaptive(x)))


def test_averages_have_onnx_runtimes_codes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = [torch.randn(16, 3, 32, 32) for _ in range(4)]
    model, path = quantized(Averages(), data), tmp_path / "averages.onnx"
    runtime.export.onnx(model, path, data[0])
    batches = [*data, data[0][:3]]
    assert max(steps_apart(in_onnxruntime(path, batch), model(batch)) for batch in batches) < 1e-3


class Attention(nn.Module):
    """Linear layers of three dimensions, a constant that is added, a softmax, normalization and GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))
        self.scores, self.softmax, self.mix = Matmul(), nn.Softmax(-1), Matmul()
        self.add, self.norm, self.gelu, self.out = EltWiseAdd(), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 8)
        self.places, self.add_places = nn.Parameter(torch.randn(1, 100, 100)), EltWiseAdd()

    def forward(self, x: Tensor) -> Tensor:
        scores = self.add_places(self.scores(self.query(x), self.key(x).transpose(1, 2)), self.places)
        mixed = self.mix(self.softmax(scores), self.value(x))
        return self.out(self.gelu(self.norm(self.add(x, mixed))))


def test_attention_has_onnx_runtimes_codes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = [torch.randn(8, 100, 32) for _ in range(2)]
    model, path = quantized(Attention(), data), tmp_path / "attention.onnx"
    runtime.export.onnx(model, path, data[0])
    graph = onnx.load(path).graph
    kinds, stored = Counter(node.op_type for node in graph.node), {tensor.name for tensor in graph.initializer}
    assert kinds["Gemm"] == 4, "which runtimes know on integers"
    assert not [n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] in stored], "stored as integers"
    for batch in (data[1], data[1][:3]):
        assert steps_apart(in_onnxruntime(path, batch), model(batch)) < 1e-3


@pytest.mark.parametrize("layer", [lambda: LSTM(8, 16), lambda: GRU(8, 16), lambda: LSTM(8, 8, bidirectional=True)])
def test_recurrent_layers_are_unrolled(layer: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = [torch.randint(0, 20, (5, 3)) for _ in range(4)]
    model, path = quantized(Recurrent(layer()), data), tmp_path / "recurrent.onnx"
    runtime.export.onnx(model, path, data[0], batch=1)
    for batch in (data[1], torch.cat(data, 1)):
        assert steps_apart(in_onnxruntime(path, batch), model(batch)) <= 1


def test_safetensors_hold_the_state_dict(net: tuple[nn.Module, list[Tensor]], tmp_path: Path) -> None:
    model, _ = net
    runtime.export.safetensors(model, tmp_path / "net.safetensors")
    content = (tmp_path / "net.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    assert header.pop("__metadata__")["format"] == "pt" and len(content) % 8 == length % 8 == 0
    types = {"I8": torch.int8, "I32": torch.int32, "F32": torch.float32, "U8": torch.uint8}
    read = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(bytearray(data[begin:end]), dtype=types[entry["dtype"]])
        read[name] = values.reshape(entry["shape"])
    state = model.state_dict()
    assert read.keys() == state.keys() and all(torch.equal(read[name], state[name]) for name in state)
    assert read["conv.weight"].dtype is torch.int8


def test_the_model_itself_stays_as_it_was(net: tuple[nn.Module, list[Tensor]]) -> None:
    model, data = net
    before = model(data[0])
    runtime.export.program(model, data[0])
    assert torch.equal(model(data[0]), before)


def test_a_batch_size_that_the_model_fixes_is_said() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x).reshape(3, 4)

    data = [torch.randn(3, 4)]
    with pytest.warns(UserWarning, match="the program takes 3 alone"):
        runtime.export.program(quantized(Fixed(), data), data[0])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(3, 3), "quantize it first"),
        (runtime.quantize(nn.Sequential(nn.Linear(3, 3)), method="dynamic", verbose=False), "needs fixed ones"),
        (
            runtime.quantize(nn.Sequential(nn.Linear(3, 3)), [torch.randn(2, 3)], "qat", verbose=False),
            "finish_training",
        ),
    ],
)
def test_what_has_no_fixed_scales_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(runtime.export.ExportError, match=message):
        runtime.export.program(model, torch.randn(2, 3))
