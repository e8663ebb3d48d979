"""Converted models compute the integers that quantized models simulate."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8 import compile, convert, report
from runtime.quantization.aware import QuantAwareTrainRangeLinearQuantizer
from runtime.quantization.calibration import calibrate
from runtime.quantization.finish import finish_training
from runtime.quantization.front_door import quantize
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.summary import noise
from tests.runtime.int8.small import SmallNet, differences, quantized, random_state, small_net


@pytest.mark.parametrize(("activations", "weights"), [(8, 8), (7, 8), (6, 4), (8, 2)])
def test_every_module_gives_the_integers_that_it_simulates(activations: int, weights: int) -> None:
    model, x = small_net(bits_activations=activations, bits_weights=weights)
    converted = convert(model)
    assert not report(converted).in_float
    assert differences(model, converted, x) == {}
    assert differences(model, converted, torch.randn(1, 3, 23, 9) * 5) == {}


def test_between_modules_run_codes() -> None:
    model, x = small_net()
    converted = convert(model)
    seen: list[torch.dtype] = []
    converted.get_submodule("concat").register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    with torch.no_grad():
        assert converted(x).dtype == torch.float32
    assert seen == [torch.uint8]


def test_the_quantized_model_is_left_alone() -> None:
    model, x = small_net()
    before, state = model(x), copy.deepcopy(model.state_dict())
    convert(model)
    assert torch.equal(model(x), before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


class Chain(nn.Module):
    """One module between two convolutions, so that it is given codes and gives codes."""

    def __init__(self, between: nn.Module, channels: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 1)
        self.between = between
        self.last = nn.Conv2d(channels, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.between(self.conv(x)))
        return out


BETWEEN: dict[str, tuple[nn.Module, int]] = {
    "reflecting convolution": (nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), 8),
    "even kernel, same padding": (nn.Conv2d(8, 8, (2, 4), padding="same"), 8),
    "valid padding": (nn.Conv2d(8, 8, 3, padding="valid", dilation=2, groups=2), 8),
    "uneven padding": (nn.Conv2d(8, 8, (1, 3), padding=(2, 1), stride=(1, 2)), 8),
    "transposed": (nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1), 6),
    "transposed groups": (nn.ConvTranspose2d(8, 6, (3, 2), groups=2, dilation=2), 6),
    "normalization": (random_state(nn.BatchNorm2d(8)), 8),
    "maximum": (nn.MaxPool2d(2, padding=1, ceil_mode=True), 8),
    "adaptive maximum": (nn.AdaptiveMaxPool2d((None, 3)), 8),
    "average": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), 8),
    "average of all": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), 8),
    "average by another number": (nn.AvgPool2d((1, 2), divisor_override=3), 8),
    "average over one axis": (
        nn.Sequential(nn.Flatten(2), nn.AvgPool1d(4, 3, 2, count_include_pad=False), nn.Unflatten(2, (-1, 1))),
        8,
    ),
    "average over one axis, rounded up": (
        nn.Sequential(nn.Flatten(2), nn.AvgPool1d(5, ceil_mode=True), nn.Unflatten(2, (-1, 1))),
        8,
    ),
    "average over three axes": (
        nn.Sequential(nn.Unflatten(3, (2, 5)), nn.AvgPool3d((3, 2, 2), 2, (1, 0, 1)), nn.Flatten(3)),
        8,
    ),
    "average over three axes by another number": (
        nn.Sequential(nn.Unflatten(3, (2, 5)), nn.AvgPool3d(2, divisor_override=5), nn.Flatten(3)),
        8,
    ),
    "adaptive average": (nn.AdaptiveAvgPool2d((None, 4)), 8),
    "mean": (wrappers.Mean(dim=(2, 3), keepdim=True), 8),
    "mean over one": (wrappers.Mean(dim=-1, keepdim=True), 8),
    "gelu": (nn.GELU(), 8),
    "hardswish": (nn.Hardswish(), 8),
    "leaky": (nn.Sequential(nn.MaxPool2d(2), nn.LeakyReLU(0.2, inplace=True)), 8),
    "tanh": (nn.Tanh(), 8),
    "negated": (wrappers.Neg(), 8),
    "rectifier by itself": (nn.Sequential(nn.MaxPool2d(2), nn.ReLU()), 8),
    "rectifier with an end": (nn.Sequential(nn.MaxPool2d(2), nn.ReLU6()), 8),
    "zero padding": (nn.ZeroPad2d((1, 0, 2, 3)), 8),
    "pixel shuffle": (nn.PixelShuffle(2), 2),
    "channel shuffle": (nn.ChannelShuffle(2), 8),
    "nearest": (nn.UpsamplingNearest2d(scale_factor=2), 8),
    "nearest by name": (nn.Upsample(size=(5, 13), mode="nearest-exact"), 8),
    "nearest as a function": (wrappers.Interpolate(scale_factor=1.5), 8),
    "reflection": (nn.ReflectionPad2d((1, 2, 0, 3)), 8),
    "replication": (nn.ReplicationPad2d(2), 8),
    "circle": (nn.CircularPad2d(1), 8),
    "padding by a number that is zero": (nn.ConstantPad2d(1, 0.0), 8),
    "padding as a function": (wrappers.Pad([1, 2, 0, -1]), 8),
    "mirroring as a function": (wrappers.Pad([1, 2, 0, 1], mode="replicate"), 8),
    "slope": (nn.Sequential(nn.MaxPool2d(2), nn.PReLU()), 8),
    "slopes": (nn.Sequential(nn.MaxPool2d(2), nn.PReLU(8)), 8),
    "dropout": (nn.Dropout2d(0.5), 8),
    "identity": (nn.Identity(), 8),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_modules_between_codes(name: str) -> None:
    torch.manual_seed(1)
    between, channels = BETWEEN[name]
    x = torch.randn(3, 4, 9, 10)
    model = quantized(Chain(between, channels), x)
    converted = convert(model)
    assert not report(converted).in_float
    assert differences(model, converted, x) == {}


@pytest.mark.parametrize("between", [nn.Softmax(dim=1), nn.LayerNorm([8, 9, 10]), nn.LayerNorm(10, bias=False)])
def test_softmax_and_layer_norm_are_within_one_code(between: nn.Module) -> None:
    torch.manual_seed(2)
    x = torch.randn(3, 4, 9, 10)
    model = quantized(Chain(between), x)
    converted = convert(model)
    assert not report(converted).in_float
    assert differences(model, converted, x).get("between", 0) <= 1


class Heads(nn.Module):
    """Convolutions whose results nobody takes as codes: with a normalization, transposed, by channel, along time."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu = nn.Conv2d(3, 8, 3), nn.ReLU()
        self.scores, self.norm = nn.Conv2d(8, 5, 1), nn.BatchNorm2d(5)
        self.up, self.depthwise = nn.ConvTranspose2d(8, 3, 2, stride=2), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.along = nn.Conv1d(8, 4, 3)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.relu(self.first(x))
        return [self.norm(self.scores(x)), self.up(x), self.depthwise(x), self.along(x.flatten(2))]


def test_convolutions_whose_results_nobody_takes_as_codes_return_their_sums() -> None:
    net, x = random_state(Heads(), 9), torch.randn(2, 3, 9, 9)
    model = quantized(net, x)
    assert all(model.get_submodule(name).output_params is None for name in ("scores", "up", "depthwise", "along"))
    converted = convert(model)
    assert not report(converted).in_float
    compiled = compile(converted, x)
    assert compiled.program is not None
    names = {op.name.split(".")[1] for op in compiled.program.ops}
    assert {"conv_float", "conv_transpose_float"} <= names and "dequantize" not in names
    for batch in (x, torch.randn(3, 3, 9, 9) * 2):
        with torch.no_grad():
            expected = model(batch)
            assert all(torch.equal(*pair) for pair in zip(converted(batch), expected, strict=True))
            assert all(torch.equal(*pair) for pair in zip(compiled(batch), expected, strict=True))
        assert all(y.is_contiguous() for y in converted(batch))


class Numbers(nn.Module):
    """Operations with numbers that are known only at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 4)
        self.div, self.sub, self.power, self.add = (
            wrappers.EltWiseDiv(), wrappers.EltWiseSub(), wrappers.Pow(), wrappers.EltWiseAdd()
        )  # fmt: skip
        self.divisor: Any = 3.0

    def forward(self, x: Tensor) -> Tensor:
        x = self.sub(2, self.div(self.first(x), self.divisor))
        out: Tensor = self.last(self.add(self.power(x, 2), 0.5, 1))
        return out


def test_operations_with_numbers_are_tables() -> None:
    torch.manual_seed(11)
    x = torch.randn(5, 6)
    model = quantized(Numbers(), x)
    converted = convert(model)
    assert not report(converted).in_float
    compiled = compile(converted, x)
    assert compiled.program is not None
    assert {op.name.split(".")[1] for op in compiled.program.ops} == {"quantize", "linear", "lookup", "linear_float"}
    for divisor in (3.0, -1.5, 4, 3.0, torch.tensor(2.0)):
        for changed in (model, converted):
            changed.divisor = divisor  # type: ignore[assignment]
        assert differences(model, converted, x) == {}


class Changing(nn.Module):
    """What was kept before a module changes it in place is the changed one, in floating point and on codes."""

    def __init__(self, change: nn.Module, raw: bool) -> None:
        super().__init__()
        self.first, self.last, self.other = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1)
        self.pool, self.change, self.add, self.raw = nn.MaxPool2d(2, 1), change, wrappers.EltWiseAdd(), raw

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.pool(self.first(x))
        changed = self.change(kept)
        more = kept.flip(0) if self.raw else kept
        return self.last(self.add(changed, more)), self.other(kept)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        *(nn.ReLU(inplace=True), nn.Hardswish(inplace=True), nn.LeakyReLU(0.5, inplace=True), nn.ELU(inplace=True)),
        *(nn.Hardtanh(-0.5, 0.5, inplace=True), nn.Threshold(0.1, 0.3, inplace=True), nn.Mish(inplace=True)),
    ],
)
def test_changes_in_place_are_seen_by_whoever_holds_it(change: nn.Module, raw: bool) -> None:
    torch.manual_seed(12)
    x = torch.randn(3, 4, 9, 10)
    net = Changing(change, raw).eval()
    model = quantized(net, x)
    converted = convert(model)
    with torch.no_grad():
        compiled = compile(converted, x)
        for given, expected, float_one in zip(converted(x), model(x), net(x), strict=True):
            assert (given - expected).abs().max() < 0.03
            assert (given - float_one).abs().max() < 0.1
        assert all(torch.equal(a, b) for a, b in zip(compiled(x), converted(x), strict=True))
    assert compiled.reason == ""


class Resized(nn.Module):
    """What neighbours are is said at each call, and may be said otherwise at the next."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 4, 1)
        self.resize, self.pad = wrappers.Interpolate(scale_factor=2), wrappers.Pad()
        self.mode, self.value = "nearest", 0.0

    def forward(self, x: Tensor) -> Tensor:
        x = self.pad(self.resize(self.conv(x), mode=self.mode), (1, 1, 1, 1), value=self.value)
        out: Tensor = self.last(x)
        return out


@pytest.mark.parametrize(("mode", "value", "runs"), [("nearest", 0.0, "int8"), ("bilinear", 0.5, "float")])
def test_what_a_call_says_is_heard(mode: str, value: float, runs: str) -> None:
    torch.manual_seed(10)
    x, net = torch.randn(3, 4, 9, 10), Resized()
    net.mode, net.value = mode, value
    model = quantized(net, x)
    converted = convert(model)
    lines = {line.name: line.runs for line in report(converted).lines}
    assert lines["resize"] == lines["pad"] == runs
    assert differences(model, converted, x) == {}
    for changed in (model, converted):
        changed.mode, changed.value = "bicubic", 1.0  # type: ignore[assignment]
    with torch.no_grad():
        assert (converted(x) - model(x)).abs().max() < 0.05


class Operands(nn.Module):
    """Two branches that an operation joins."""

    def __init__(self, operation: nn.Module, features: int = 6) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 6), nn.Linear(5, 6)
        self.operation = operation
        self.last = nn.Linear(features, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.joined(self.left(x), self.right(x)))
        return out

    def joined(self, a: Tensor, b: Tensor) -> Any:
        return self.operation(a, b)


class Sequences(Operands):
    def joined(self, a: Tensor, b: Tensor) -> Any:
        return self.operation([a, b])


class Products(Operands):
    def joined(self, a: Tensor, b: Tensor) -> Any:
        return self.operation(a, b.transpose(-2, -1))


OPERATIONS: dict[str, tuple[type[Operands], nn.Module, int]] = {
    "add": (Operands, wrappers.EltWiseAdd(), 6),
    "subtract in place": (Operands, wrappers.EltWiseSub(inplace=True), 6),
    "multiply": (Operands, wrappers.EltWiseMult(), 6),
    "matrix product": (Products, wrappers.Matmul(), 7),
    "batched product": (Products, wrappers.BatchMatmul(), 7),
    "concatenation": (Sequences, wrappers.Concat(dim=-1), 12),
    "concatenation of arguments": (Operands, wrappers.Concat(dim=1), 6),
    "stack": (Sequences, wrappers.Stack(dim=1), 6),
    "maximum": (Operands, wrappers.Maximum(), 6),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("bits", [8, 5])
def test_operations_on_two_tensors(name: str, bits: int) -> None:
    torch.manual_seed(3)
    kind, operation, features = OPERATIONS[name]
    x = torch.randn(4, 7, 5)
    model = quantized(kind(operation, features), x, bits_activations=bits)
    converted = convert(model)
    assert not report(converted).in_float
    assert differences(model, converted, x) == {}


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.fc = nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.fc(self.embedding(tokens))
        return out


def test_embeddings_give_rows_of_codes() -> None:
    tokens = torch.arange(10).reshape(2, 5)
    model = quantized(Tokens(), tokens)
    converted = convert(model)
    assert converted.embedding(tokens).dtype == torch.uint8  # type: ignore[operator]
    assert differences(model, converted, tokens) == {}


class Branching(nn.Module):
    """Control flow, views, indexing and a raw operation between modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.narrow = nn.Conv2d(4, 6, 1)
        self.unseen = nn.Conv2d(4, 6, 1)
        self.fc = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.relu(self.conv(x)).chunk(2, dim=1)
        if x.shape[-1] > 8:
            unseen: Tensor = self.unseen(first)
            return unseen
        x = self.narrow(first if x.shape[-1] % 2 == 0 else second[:, :, 1:])
        x = x / 2
        logits: Tensor = self.fc(x.permute(0, 2, 3, 1).flatten(1, 2)[:, ::2])
        return logits


def test_control_flow_views_and_raw_operations() -> None:
    torch.manual_seed(4)
    x = torch.randn(2, 3, 6, 6)
    model = Branching().eval()
    statistics = calibrate(model, [x, torch.randn(2, 3, 6, 7)])
    quantizer = PostTrainLinearQuantizer(model, statistics=statistics)
    quantizer.prepare_model(x)
    converted = convert(model)
    assert differences(model, converted, x) == {}
    assert differences(model, converted, torch.randn(2, 3, 6, 7)) == {}
    left = {line.name: line.reason for line in report(converted).lines if line.runs == "idle"}
    assert left["unseen"] == "did not run with the input that the model was quantized with"


class Viewing(nn.Module):
    """The classic way to a classifier, which torch allows for tensors in its usual order alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.fc = nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Linear(4, 3)
        self.halves = wrappers.Chunk(2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = self.halves(self.pool(self.conv(x)))
        return self.fc(first.view(len(x), -1, 4)), second.view_as(first).view(len(x), -1)


@pytest.mark.parametrize("example", [10, 4], ids=["images", "one pixel each, in any order"])
def test_codes_can_be_viewed_where_the_quantized_model_is(example: int) -> None:
    torch.manual_seed(8)
    model = quantized(Viewing(), torch.randn(2, 3, example, example))
    converted, x = convert(model), torch.randn(2, 3, 10, 10)
    assert differences(model, converted, x) == {}


def test_results_lie_in_memory_as_the_quantized_models_do() -> None:
    torch.manual_seed(9)
    x = torch.randn(2, 3, 6, 6)
    model = quantized(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1)), x)
    converted = convert(model)
    strides = model(x).stride()
    assert converted(x).stride() == compile(converted, x)(x).stride() == strides


def test_what_has_no_integer_form_runs_in_float_and_is_reported() -> None:
    torch.manual_seed(5)
    overrides = OrderedDict({"branch": {"bits_activations": 12}, "gate": {"bits_activations": None, "bits_weights": 8}})
    model, x = small_net(overrides=overrides)
    converted = convert(model)
    lines = {line.name: line.reason for line in report(converted).in_float}
    assert lines["branch"] == "its result has more than 8 bits"
    assert "gate" in lines
    assert differences(model, converted, x) == {}
    assert "its result has more than 8 bits" in str(report(converted))


def test_models_trained_quantized() -> None:
    torch.manual_seed(6)
    model, x = random_state(SmallNet()), torch.randn(4, 3, 17, 17)
    QuantAwareTrainRangeLinearQuantizer(model, bits_activations=8, bits_weights=8).prepare_model(x)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
    converted = convert(model.eval())
    finished = copy.deepcopy(model)
    finish_training(finished, x)
    assert differences(finished, converted, x) == {}


@pytest.mark.parametrize("kept", [nn.GroupNorm(2, 8), nn.Identity()], ids=["parameters", "the example alone"])
def test_models_in_other_types_are_refused(kept: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(3, 8), copy.deepcopy(kept), nn.Linear(8, 2)).bfloat16()
    x = torch.randn(4, 3, dtype=torch.bfloat16)
    with pytest.raises(ValueError, match=r"its (1\.weight|example) is torch.bfloat16: call model.float\(\)"):
        convert(quantized(model, x))
    convert(quantized(model.float(), x.float()))


def test_a_float_model_is_refused() -> None:
    with pytest.raises(ValueError, match="quantize it first"):
        convert(SmallNet())


def test_codes_without_a_scale_are_refused() -> None:
    model, _ = small_net()
    converted = convert(model)
    add: Any = converted.get_submodule("add")
    add.inputs = (None, None)
    codes = torch.zeros(1, 8, 3, 3, dtype=torch.uint8)
    with pytest.raises(TypeError, match="EltWiseAdd was given codes where calibration saw floating point"):
        add(codes, codes)


class AsksForWeights(nn.Module):
    """Casts its input to what type a layer's weight has, and computes with the table of an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)
        self.first = nn.Linear(8, 8)

    def forward(self, tokens: Tensor, x: Tensor) -> Tensor:
        hidden: Tensor = self.first(x.to(self.first.weight.dtype)) + self.table(tokens)
        return hidden @ self.table.weight.T


def test_weights_that_a_model_asks_for_are_real_numbers() -> None:
    torch.manual_seed(0)
    model, given = AsksForWeights().eval(), (torch.arange(6), torch.randn(6, 8))
    real = model(*given)
    q = quantize(model, [given], forward=lambda m, batch: m(*batch), allow_unprepared=True, verbose=False)
    converted = convert(q)
    program = compile(converted, *given)
    assert program.reason == ""
    for found in (q, converted, program):
        assert noise(real, found(*given)) > 25
    for layer in (q.first, converted.first):
        assert layer.weight.dtype == torch.float32
        assert layer.state_dict()["weight"].dtype == torch.int8
        torch.testing.assert_close(layer.weight, model.first.weight.detach(), rtol=0, atol=0.01)


def test_tables_that_a_model_asks_for_are_real_numbers() -> None:
    model, tokens = nn.Sequential(nn.Embedding(11, 8), nn.Linear(8, 8)), torch.arange(6)
    q = quantize(model, [tokens], verbose=False)
    converted = convert(q)
    for table in (q[0], converted[0]):
        assert table.state_dict()["weight"].dtype in (torch.uint8, torch.int8)
        torch.testing.assert_close(table.weight, model[0].weight.detach(), rtol=0, atol=0.03)
    assert torch.equal(converted[0].weight, q[0].weight)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing_on_integers(dtype: torch.dtype) -> None:
    net, x = random_state(Heads(), 9), torch.randn(2, 3, 9, 9)
    model = quantized(net, x)
    converted = convert(model)
    compiled = compile(converted, x)
    with torch.no_grad():
        expected = model(x)
        for other in (model, converted, compiled):
            with torch.autocast("cpu", dtype=dtype):
                made = other(x)
            assert all(torch.equal(*pair) for pair in zip(made, expected, strict=True))


def test_a_layer_in_floating_point_follows_autocast_before_and_after_conversion() -> None:
    net, x = random_state(Heads(), 9), torch.randn(2, 3, 9, 9)
    model = quantized(net, x, overrides={"first": {"bits_activations": None, "bits_weights": None}})
    converted = convert(model)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(torch.equal(*pair) for pair in zip(converted(x), model(x), strict=True))


def test_what_torch_exports_traces_and_scripts() -> None:
    """Converted models but for scripts; what cannot be is refused with what to do."""
    net, x = random_state(Heads(), 9), torch.randn(2, 3, 9, 9)
    model = quantized(net, x)
    converted = convert(model)
    compiled = compile(converted, x)
    with torch.no_grad():
        expected = model(x)
        traced = [torch.jit.trace(one, x)(x) for one in (model, converted)]
        exported = torch.export.export(converted, (x,)).module()(x)
        for made in (*traced, exported):
            assert all(torch.equal(*pair) for pair in zip(made, expected, strict=True))
    with pytest.raises(TypeError, match=r"^torch.export takes no model that simulates integers: use runtime.export"):
        torch.export.export(model, (x,))
    for one in (model, converted):
        with pytest.raises(TypeError, match=r"^torch.jit.script takes no .*: use runtime.int8.compile"):
            torch.jit.script(one)
    for refused in (torch.jit.script, lambda m: torch.jit.trace(m, x), lambda m: torch.export.export(m, (x,))):
        with pytest.raises(TypeError, match=r"^a compiled model has its own form: keep it with runtime\.int8\.save"):
            refused(compiled)
