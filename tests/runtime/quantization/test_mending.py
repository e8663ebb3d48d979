"""Layers that 8 bits cannot hold stay in floating point, as few as that takes, and a warning names them."""

from __future__ import annotations

import math
import re
import warnings
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

import runtime
import runtime.modules as wrappers
from runtime.int8 import compile, convert
from runtime.quantization.examples import Examples
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.quantized.wide import WideSum


class Spectrum(nn.Module):
    """Squares of a projection, whose numbers reach over many powers of two, as sounds and silence do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.project = nn.Conv1d(1, 32, 16, stride=8, bias=False)
        self.pow = wrappers.Pow()
        self.scale = wrappers.EltWiseAdd()
        self.log = wrappers.Log()
        self.first = nn.Conv1d(32, 24, 3, padding=1)
        self.relu = nn.ReLU()
        self.second = nn.Conv1d(24, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        loud = self.log(self.scale(self.pow(self.project(x), 2), 1e-6))
        result: Tensor = self.second(self.relu(self.first(loud)))
        return result


@pytest.fixture
def model() -> nn.Module:
    return Spectrum().eval()


@pytest.fixture
def data() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(1, 1, 128) * 10.0 ** (-(number % 5)) for number in range(40)]


def decibels(exact: nn.Module, given: nn.Module, data: list[Tensor]) -> float:
    with torch.no_grad():
        pairs = [(exact(x), given(x)) for x in data]
    noise = sum(float((a - b).square().sum()) for a, b in pairs)
    return 10 * math.log10(sum(float(a.square().sum()) for a, _ in pairs) / noise)


def test_layers_that_lose_most_get_16_bits(
    model: nn.Module, data: list[Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    plain = decibels(model, runtime.quantize(model, data, batches=None, goal=0, verbose=False), data)
    quantized = runtime.quantize(model, data, batches=None)
    assert isinstance(quantized.project, WideSum)
    assert type(quantized.first) is QuantizedSum and type(quantized.second) is QuantizedSum
    assert plain < 20 and decibels(model, quantized, data) > 30
    assert re.search(r"given 16 bits \(\d+.\d dB without\): project", capsys.readouterr().out)
    converted = convert(quantized)
    assert torch.equal(compile(converted, data[0])(data[0]), converted(data[0]))


def test_it_does_so_where_the_caller_wants_no_derivatives(model: nn.Module, data: list[Tensor]) -> None:
    wanted = runtime.quantize(model, data, batches=None, verbose=False)
    with torch.no_grad():
        quantized = runtime.quantize(model, data, batches=None, verbose=False)
    assert isinstance(quantized.project, WideSum)
    assert torch.equal(quantized(data[0]), wanted(data[0]))


class Without(nn.Module):
    """A model in front of which something has no derivatives."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.scale = model, nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        self.scale.clamp_(0.5, 2.0)  # a parameter that is changed in place, which torch refuses with derivatives
        result: Tensor = self.model(x)
        return result


def test_models_without_derivatives_get_16_bits_where_most_is_lost(model: nn.Module, data: list[Tensor]) -> None:
    whole = Without(model)
    with pytest.raises(RuntimeError):
        whole(data[0])
    quantized = runtime.quantize(whole, data, batches=None, verbose=False, allow_unprepared=True)
    assert isinstance(quantized.model.project, WideSum)


def test_what_too_much_of_the_model_would_need_is_left_to_the_user(
    model: nn.Module, data: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.quantization.calibrated.HALF", 0.01)
    with pytest.warns(UserWarning, match=r"dB from the one in floating point, .* improve=\['mend'\] mends it"):
        quantized = runtime.quantize(model, data, verbose=False)
    assert type(quantized.project) is QuantizedSum
    mended = runtime.quantize(model, data, improve=["mend"], batches=None, verbose=False)
    assert decibels(model, mended, data) > 30


class Small(nn.Module):
    """Few channels, of whose many places real numbers take much longer than products."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu, self.second = nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1)
        with torch.no_grad():
            self.first.weight[0] = 200.0
            self.second.weight[:, 0] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.second(self.relu(self.first(x)))
        return result


@pytest.mark.parametrize(("size", "given"), [(4, True), (256, False)])
def test_layers_get_16_bits_where_that_takes_little_time(size: int, given: bool) -> None:
    model, images = Small().eval(), [torch.randn(2, 1, size, size)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if not given else "error")
        quantized = runtime.quantize(model, images, verbose=False)
    assert isinstance(quantized.second, WideSum) == given
    mended = runtime.quantize(model, images, improve=["mend"], verbose=False)
    assert isinstance(mended.second, WideSum)


def test_a_goal_of_nothing_changes_nothing(model: nn.Module, data: list[Tensor]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quantized = runtime.quantize(model, data, goal=0, verbose=False)
    assert type(quantized.project) is QuantizedSum


def test_copies_are_needed(model: nn.Module, data: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="quantizes copies of the model"):
        runtime.quantize(model, data, improve=["mend"], inplace=True)


def test_layer_that_an_override_names_is_not_changed(model: nn.Module, data: list[Tensor]) -> None:
    own = {"project": {"bits_activations": 8}}
    with pytest.warns(UserWarning) as warned:
        quantized = runtime.quantize(model, data, improve=["mend"], overrides=own, verbose=False)
    assert type(quantized.project) is QuantizedSum
    left, far = (str(one.message) for one in warned)
    assert re.match(r"(scale|pow|log|, )+: left in floating point\. With all on integers", left)
    assert "what it has is what the overrides ask for" in far


def test_a_model_in_place_keeps_its_layers_on_8_bits(model: nn.Module, data: list[Tensor]) -> None:
    with pytest.warns(UserWarning, match="dB from the one in floating point"):
        assert runtime.quantize(model, data, inplace=True, verbose=False) is model
    assert type(model.project) is QuantizedSum


def test_model_that_is_near_is_quantized_once(data: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 8, 3), nn.ReLU(), nn.Conv1d(8, 8, 3)).eval()
    monkeypatch.setattr("runtime.quantization.mending.Mending._with", lambda *_: pytest.fail("a second time"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quantized = runtime.quantize(model, [x * 10 for x in data[::5]], improve=["mend"], verbose=False)
    assert all(isinstance(quantized[i], QuantizedSum) for i in (0, 2))


@pytest.mark.parametrize(("batch", "calls", "expected"), [(1, 3, 3), (1, 100, 7), (4, 100, 2), (8, 100, 1), (2, 9, 3)])
def test_examples_reach_over_all_calls(batch: int, calls: int, expected: int) -> None:
    model, examples = nn.Identity(), Examples()
    with examples.of(model):
        for number in range(calls):
            model(torch.full((batch, 2), float(number)))
    seen = [int(args[0][0, 0]) for args in examples.kept]
    steps = {later - earlier for earlier, later in pairwise(seen)}
    assert seen[0] == 0 and len(steps) <= 1
    assert len(seen) == expected and (expected == 1 or seen[-1] >= calls / 2)


class Normalized(nn.Module):
    """A normalization by itself, one of whose channels is large, and does not count."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu, self.norm = nn.Conv2d(3, 16, 3), nn.ReLU(), nn.BatchNorm2d(16)
        self.pool, self.second = nn.MaxPool2d(2), nn.Conv2d(16, 8, 3)
        with torch.no_grad():
            self.norm.weight[0] = 100.0
            self.second.weight[:, 0] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.second(self.pool(self.norm(self.relu(self.first(x)))))
        return result


def test_no_layer_gets_16_bits_that_no_kernel_takes() -> None:
    model = Normalized().eval()
    images = [torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    plain = decibels(model, runtime.quantize(model, images, goal=0, verbose=False), images)
    quantized = runtime.quantize(model, images, verbose=False)
    assert plain < 25 and decibels(model, quantized, images) > 30
    assert isinstance(quantized.second, WideSum) and isinstance(quantized.norm, nn.BatchNorm2d)
    converted = convert(quantized)
    compiled = compile(converted, images[0])
    assert compiled.program is not None
    assert torch.equal(compiled(images[1]), converted(images[1]))


def test_bits_that_no_kernel_takes_are_simulated_in_a_program() -> None:
    model, x = Normalized().eval(), torch.randn(4, 3, 16, 16)
    quantized = runtime.quantize(model, [x], goal=0, verbose=False, overrides={"norm": {"bits_activations": 16}})
    converted = convert(quantized)
    compiled = compile(converted, x)
    assert compiled.program is not None
    assert torch.equal(converted(x), quantized(x)) and torch.equal(compiled(x), converted(x))
