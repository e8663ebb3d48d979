"""Post-training quantization of whole models: what is replaced, how good it is, and what users may ask for."""

from __future__ import annotations

import copy
import io
import math
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import runtime.modules
from runtime.quantization.calibration import calibrate
from runtime.quantization.checkpoint import load_checkpoint, save_checkpoint
from runtime.quantization.fusion import Absorbed
from runtime.quantization.observers import Statistics, save_statistics
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Carried, Half, QuantizedInner
from runtime.quantization.quantized.pointwise import QuantizedAdd, QuantizedJoin
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sqnr(exact: Tensor, approximate: Tensor) -> float:
    """Signal to quantization noise, in decibels."""
    return 10 * math.log10(exact.square().sum().item() / (exact - approximate).square().sum().item())


def quantized(model: nn.Module, x: Any, **settings: Any) -> nn.Module:
    """A quantized copy of `model`."""
    model = copy.deepcopy(model)
    if not settings.get("dynamic"):
        settings.setdefault("statistics", calibrate(model, [x]))
    PostTrainLinearQuantizer(model, **settings).prepare_model(x)
    return model


class Residual(nn.Module):
    """Residual, concatenation, gating, average: what convolutional networks are made of, in place where they like it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, groups=4)
        self.norm2 = nn.BatchNorm2d(16)
        self.add = runtime.modules.EltWiseAdd(inplace=True)
        self.relu2 = nn.ReLU6()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Conv2d(16, 16, 1)
        self.sigmoid = nn.Sigmoid()
        self.scale = runtime.modules.EltWiseMult()
        self.concat = runtime.modules.Concat(dim=1)
        self.mean = runtime.modules.Mean(dim=(2, 3))
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.norm1(self.conv1(x))))
        y = self.relu2(self.add(self.norm2(self.conv2(x)), x))
        z = self.scale(y, self.sigmoid(self.excite(self.squeeze(y))))
        out: Tensor = self.head(self.dropout(self.mean(self.concat(z, x))))
        return out


def residual() -> nn.Module:
    torch.manual_seed(0)
    model = Residual()
    with torch.no_grad():
        for seed in range(3):  # statistics for the normalizations
            model(images(8, 3, 12, 12, seed=seed))
    return model.eval()


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return residual()


def test_a_convolutional_network(model: nn.Module) -> None:
    x = images(8, 3, 12, 12)
    q = quantized(model, x)
    assert sqnr(model(x), q(x)) > 30
    kinds = {name: type(module).__name__ for name, module in q.named_children()}
    assert kinds == {
        "conv1": "QuantizedSum",
        "norm1": "Absorbed",
        "relu1": "Absorbed",
        "pool": "Carried",
        "conv2": "QuantizedSum",
        "norm2": "Absorbed",
        "add": "QuantizedAdd",
        "relu2": "Absorbed",
        "squeeze": "QuantizedAverage",
        "excite": "QuantizedSum",
        "sigmoid": "QuantizedInner",
        "scale": "QuantizedMul",
        "concat": "QuantizedJoin",
        "mean": "QuantizedAverage",
        "dropout": "Carried",
        "head": "QuantizedSum",
    }


def test_producers_and_consumers_agree_on_grids(model: nn.Module) -> None:
    q = quantized(model, images(8, 3, 12, 12))
    parts = {name: m for name, m in q.named_children() if isinstance(m, QuantizedModule)}
    edges = [("conv1", "pool", 0), ("pool", "conv2", 0), ("conv2", "add", 0), ("pool", "add", 1), ("add", "squeeze", 0)]
    edges += [("add", "scale", 0), ("sigmoid", "scale", 1), ("scale", "concat", 0), ("pool", "concat", 1)]
    edges += [("concat", "mean", 0), ("mean", "head", 0)]
    for producer, consumer, slot in edges:
        given, taken = parts[producer].output_params, parts[consumer].input_params[slot]
        assert given is not None and taken is not None
        assert torch.equal(given.scale, taken.scale) and torch.equal(given.zero_point, taken.zero_point)
    assert parts["conv1"].fused == math.inf and parts["add"].fused == 6.0 and parts["conv2"].fused is None
    assert parts["head"].output_params is None and parts["head"].float_output
    assert not any(m.float_output for name, m in parts.items() if name != "head")


def test_every_tensor_between_lies_on_its_grid(model: nn.Module) -> None:
    q, x = quantized(model, images(8, 3, 12, 12)), images(4, 3, 12, 12, seed=5) * 2
    seen = []

    def check(module: nn.Module, args: Any, output: Tensor) -> None:
        assert isinstance(module, QuantizedModule)
        params = module.output_params
        if params is not None:
            codes = output / params.scale + params.zero_point
            low, high = module.code_bounds()
            assert torch.allclose(codes, codes.round(), atol=1e-3)
            assert low <= codes.min().round() and codes.max().round() <= high
            seen.append(module)

    for module in q.modules():
        if isinstance(module, QuantizedModule) and not isinstance(module, Carried):
            module.register_forward_hook(check)
    q(x)
    assert len(seen) == 9


def test_the_state_is_a_quarter(model: nn.Module) -> None:
    big = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256)).eval()
    x = images(4, 256)
    q = quantized(big, x)

    def size(module: nn.Module) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())

    assert size(q) < 0.265 * size(big)
    assert q.state_dict()["0.weight"].dtype == torch.int8


def test_a_checkpoint_rebuilds_the_model(model: nn.Module) -> None:
    x = images(8, 3, 12, 12)
    q = quantized(model, x, activation_range="percentile")
    file = io.BytesIO()
    save_checkpoint(file, q)
    assert len(file.getvalue()) < 60_000  # ranges, not histograms
    file.seek(0)
    fresh = residual()
    for parameter in fresh.parameters():
        parameter.data.mul_(0.5)
    load_checkpoint(file, fresh)
    assert torch.equal(fresh(x), q(x))


def test_statistics_from_a_file(model: nn.Module, tmp_path: Path) -> None:
    x = images(8, 3, 12, 12)
    save_statistics(calibrate(model, [x]), tmp_path / "statistics.yaml")
    assert torch.equal(quantized(model, x, statistics=tmp_path / "statistics.yaml")(x), quantized(model, x)(x))


def test_fewer_bits_are_worse_and_channels_help(model: nn.Module) -> None:
    x = images(8, 3, 12, 12)
    exact = model(x)
    by_bits = [sqnr(exact, quantized(model, x, bits_weights=bits, bits_activations=bits)(x)) for bits in (4, 6, 8, 10)]
    assert by_bits == sorted(by_bits)
    assert by_bits[3] > 40
    uneven = copy.deepcopy(model)
    with torch.no_grad():
        uneven.get_submodule("norm1").weight.mul_(torch.logspace(-2, 0, 16))  # type: ignore[operator]
    exact = uneven(x)
    per_tensor = sqnr(exact, quantized(uneven, x, bits_weights=6, per_channel_weights=False)(x))
    assert sqnr(exact, quantized(uneven, x, bits_weights=6)(x)) > per_tensor + 3


def test_overrides(model: nn.Module) -> None:
    x = images(8, 3, 12, 12)
    overrides: OrderedDict[str, dict[str, Any]] = OrderedDict(
        [
            ("excite", {"fp16": True}),
            ("conv1", {"bits_weights": 4, "bits_activations": 6}),
            ("conv2", {"bits_weights": None, "bits_activations": None}),
            ("head", {"bits_activations": None}),
            ("mean", {"activation_range": "minmax"}),
        ]
    )
    q = quantized(model, x, overrides=overrides)
    assert isinstance(q.excite, Half) and q.excite.inner.weight.dtype == torch.float16
    assert isinstance(q.conv1, QuantizedSum)
    assert int(q.conv1.integers.max()) == 7
    assert q.conv1.output_params is not None and q.conv1.output_params.grid.bits == 6
    assert type(q.conv2) is nn.Conv2d
    assert isinstance(q.head, QuantizedSum) and q.head.input_params == ()  # weights only
    assert sqnr(model(x), q(x)) > 15
    with pytest.raises(TypeError, match="unknown keys"):
        quantized(model, x, overrides=OrderedDict([("conv1", {"clip": 3})]))
    with pytest.raises(ValueError, match="bits_bias must be 32, not 8"):
        quantized(model, x, overrides=OrderedDict([("conv1", {"bits_bias": 8})]))


def test_dynamic_needs_no_data(model: nn.Module) -> None:
    x = images(8, 3, 12, 12)
    q = quantized(model, x, dynamic=True)
    assert isinstance(q.conv1, DynamicSum) and type(q.add) is runtime.modules.EltWiseAdd
    assert sqnr(model(x), q(x)) > 30
    assert q(images(0, 3, 12, 12)).shape == (0, 10)
    # Scales follow the data.
    assert sqnr(model(x * 100), q(x * 100)) > 30


def test_what_is_needed_is_said(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="pass statistics=calibrate"):
        PostTrainLinearQuantizer(residual())
    with pytest.raises(ValueError, match="needs dummy_input"):
        PostTrainLinearQuantizer(residual(), statistics={"conv1": Statistics()}).prepare_model()


def test_data_parallel(model: nn.Module) -> None:
    x = images(8, 3, 12, 12)
    wrapped = nn.DataParallel(copy.deepcopy(model))
    PostTrainLinearQuantizer(wrapped, statistics=calibrate(model, [x])).prepare_model(x)
    assert torch.equal(wrapped(x), quantized(model, x)(x))


@pytest.mark.parametrize(("activation", "end"), [(nn.Sigmoid(), 6.3), (nn.Tanh(), 3.2), (nn.Hardsigmoid(), 3.1)])
def test_ranges_take_notice_of_what_comes_next(activation: nn.Module, end: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), activation, nn.Linear(8, 2)).eval()
    x = images(64, 8) * 60
    q = quantized(model, x, activation_range="minmax")
    first = q.get_submodule("0")
    assert isinstance(first, QuantizedSum) and first.output_params is not None
    assert model[0](x).max() > 3 * end
    assert end / 2 < first.output_params.highest < end and -end < first.output_params.lowest < -end / 2
    assert sqnr(model(x), q(x)) > 28


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = runtime.modules.again(self.first)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.second(self.first(x) * 0.1))
        return out


def test_tied_calls_share_weights_and_have_grids_of_their_own() -> None:
    torch.manual_seed(0)
    model, x = Tied().eval(), images(16, 8)
    q = quantized(model, x)
    assert isinstance(q.first, QuantizedSum) and isinstance(q.second, QuantizedSum)
    assert q.first.integers is q.second.integers
    first, second = q.first.input_params[0], q.second.input_params[0]
    assert first is not None and second is not None and first.scale > 2 * second.scale
    assert q.first.bias is not None and q.second.bias is not None and not torch.equal(q.first.bias, q.second.bias)
    assert sqnr(model(x), q(x)) > 30


def test_a_tied_embedding_has_one_table() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.Embedding(20, 8)
            self.again = runtime.modules.again(self.rows)
            self.add = runtime.modules.EltWiseAdd()
            self.head = nn.Linear(8, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            out: Tensor = self.head(self.add(self.rows(tokens), self.again(tokens.flip(0))))
            return out

    torch.manual_seed(0)
    model, tokens = Pair().eval(), torch.arange(20)
    q = quantized(model, tokens)
    rows, again = q.get_submodule("rows"), q.get_submodule("again")
    assert isinstance(rows, QuantizedModule) and isinstance(again, QuantizedModule)
    assert rows.integers is again.integers and again.float_output
    assert torch.equal(rows(tokens), again(tokens))
    assert sqnr(model(tokens), q(tokens)) > 30


def test_what_is_taken_in_turn_has_the_same_bits() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Linear(4, 4)
            self.step = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.start(x)
            for _ in range(3):
                x = self.step(x)
            return x

    torch.manual_seed(0)
    model, x = Loop().eval(), images(6, 4)
    q = quantized(model, x)
    assert sqnr(model(x), q(x)) > 25
    with pytest.raises(ValueError, match=r"'step' takes from several modules in turn.*'start' \(6\), 'step' \(8\)"):
        quantized(model, x, overrides=OrderedDict([("start", {"bits_activations": 6})]))


class Joined(nn.Module):
    """A ReLU whose grid reaches below zero, because a join has one for all."""

    def __init__(self, ratio: float) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 2, 1)
        self.relu = nn.ReLU()
        self.b = nn.Conv2d(2, 2, 1)
        self.concat = runtime.modules.Concat(dim=1)
        self.head = nn.Conv2d(4, 2, 1)
        self.ratio = ratio
        with torch.no_grad():
            self.b.weight.mul_(ratio)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.concat(self.relu(self.a(x)), self.b(x)))
        return out


def test_joins_have_one_grid_where_that_costs_little() -> None:
    x = images(4, 2, 6, 6)
    torch.manual_seed(0)
    near = quantized(Joined(1.0).eval(), x)
    assert isinstance(near.a, QuantizedSum) and isinstance(near.b, QuantizedSum)
    assert near.a.output_params is not None and near.b.output_params is not None
    assert torch.equal(near.a.output_params.scale, near.b.output_params.scale)
    assert near.a.code_bounds()[0] == near.a.output_params.zero_point > 0
    assert near.a(x).min() == 0  # still a ReLU
    torch.manual_seed(0)
    model = Joined(20.0).eval()
    far = quantized(model, x)
    assert isinstance(far.a, QuantizedSum) and isinstance(far.b, QuantizedSum)
    assert far.a.output_params is not None and far.b.output_params is not None
    assert far.a.output_params.scale < far.b.output_params.scale / 4
    assert isinstance(far.concat, QuantizedJoin)
    assert sqnr(model(x), far(x)) > 30


class Branches(nn.Module):
    """Which layer the last one takes from depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x) if bool(x.sum() > 0) else self.b(x)
        out: Tensor = self.head(y.view(-1, 4)[:, torch.arange(4)])
        return out


def test_control_flow_goes_on(model: nn.Module) -> None:
    torch.manual_seed(0)
    branches = Branches().eval()
    positive, negative = images(8, 4).abs(), -images(8, 4).abs()
    q = copy.deepcopy(branches)
    PostTrainLinearQuantizer(q, statistics=calibrate(q, [positive, negative])).prepare_model(positive)
    for x in (positive, negative):
        assert sqnr(branches(x), q(x)) > 20
    assert isinstance(q.a, QuantizedSum) and type(q.b) is nn.Linear  # the example never came there


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(6, 6)
        self.scores = runtime.modules.Matmul()
        self.mask = runtime.modules.EltWiseAdd()
        self.softmax = nn.Softmax(-1)
        self.context = runtime.modules.Matmul()
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(x)
        mask = torch.full((x.shape[1], x.shape[1]), -math.inf).triu(1)
        weights = self.softmax(self.mask(self.scores(y, y.transpose(1, 2)), mask))
        out: Tensor = self.head(self.norm(self.context(weights, y)))
        return out


def test_masks_stay_in_floating_point() -> None:
    torch.manual_seed(0)
    model, x = Masked().eval(), images(4, 5, 6)
    q = quantized(model, x)
    assert type(q.mask) is runtime.modules.EltWiseAdd
    assert isinstance(q.scores, nn.Module) and isinstance(q.norm, QuantizedInner)
    assert sqnr(model(x), q(x)) > 25


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(12, 16, 2, batch_first=True),
        lambda: nn.GRU(12, 16, bidirectional=True),
        lambda: nn.TransformerEncoderLayer(12, 3, 24, batch_first=True),
    ],
)
def test_compound_modules_made_of_parts(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = make()
            self.head = nn.Linear(32 if isinstance(self.body, nn.GRU) else 12 if hasattr(self.body, "norm1") else 16, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.body(x)
            out: Tensor = self.head(y[0] if isinstance(y, tuple) else y)
            return out

    model, x = runtime.modules.convert(Net().eval()), images(5, 7, 12)
    q = quantized(model, x)
    products = sum(isinstance(module, nn.Linear) for module in model.modules())
    assert sum(isinstance(module, QuantizedSum) for module in q.modules()) == products >= 4
    assert sqnr(model(x), q(x)) > (30 if isinstance(model.body, nn.RNNBase) else 20)


def test_an_absorbed_activation_is_named(model: nn.Module) -> None:
    q = quantized(model, images(8, 3, 12, 12))
    assert isinstance(q.relu2, Absorbed)
    assert "ReLU6 into add" in repr(q.relu2)
    assert isinstance(q.add, QuantizedAdd)
    assert "uint8 x" in repr(q.add)
