"""Compiled models give what converted ones give, whatever the batch, the thread or the layout of the input."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import threading
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import kernels
from runtime.int8 import compile, convert, load, save
from runtime.int8.compiled import PLANS, CompiledModel
from runtime.int8.program import function_of
from runtime.kernels.native import library
from tests.runtime.int8.small import quantized, small_net

pytestmark = pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")


@pytest.fixture(scope="module")
def small() -> tuple[nn.Module, CompiledModel]:
    model, x = small_net()
    converted = convert(model)
    return converted, compile(converted, x)


def same(model: nn.Module, compiled: CompiledModel, *arguments: Any) -> bool:
    with torch.no_grad():
        return torch.equal(model(*arguments), compiled(*arguments))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_any_batch(small: tuple[nn.Module, CompiledModel], batch: int) -> None:
    converted, compiled = small
    assert compiled.reason == ""
    for _ in range(2):  # the second run uses the same memory again
        assert same(converted, compiled, torch.randn(batch, 3, 17, 17))


def test_inputs_in_any_layout(small: tuple[nn.Module, CompiledModel]) -> None:
    converted, compiled = small
    x = torch.randn(3, 3, 17, 20)
    assert same(converted, compiled, x[..., :17].to(memory_format=torch.channels_last))
    assert same(converted, compiled, x[..., 3:])
    assert same(converted, compiled, x[1:, ..., ::1][..., 2:19])
    assert same(converted, compiled, torch.randn(1, 3, 1, 17).expand(2, 3, 17, 17))


def test_inputs_are_read_where_they_are_and_results_are_new(small: tuple[nn.Module, CompiledModel]) -> None:
    _, compiled = small
    x, y = torch.randn(2, 3, 17, 17), torch.randn(2, 3, 17, 17)
    first = compiled(x)
    kept = first.clone()
    second = compiled(y)
    assert torch.equal(first, kept) and not torch.equal(first, second)
    assert torch.equal(compiled(x), first)


def test_many_threads_at_once(small: tuple[nn.Module, CompiledModel]) -> None:
    converted, compiled = small
    inputs = [torch.randn(2, 3, 17, 17) for _ in range(4)]
    with torch.no_grad():
        expected = [converted(x) for x in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(20):
            if not torch.equal(compiled(inputs[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_follow_torch(small: tuple[nn.Module, CompiledModel]) -> None:
    converted, compiled = small
    x, before = torch.randn(2, 3, 17, 17), torch.get_num_threads()
    try:
        for threads in (2, 1, 2):
            torch.set_num_threads(threads)
            assert same(converted, compiled, x)
    finally:
        torch.set_num_threads(before)


def test_every_implementation_runs_the_same_program(small: tuple[nn.Module, CompiledModel]) -> None:
    _, compiled = small
    x, before = torch.randn(2, 3, 17, 17), kernels.selected()
    expected = compiled(x)
    try:
        for name in kernels.available():
            kernels.select(name)
            assert torch.equal(compiled(x), expected), name
    finally:
        kernels.select(before)
    assert torch.equal(compiled(x), expected)


def test_plans_of_few_shapes_are_kept(small: tuple[nn.Module, CompiledModel]) -> None:
    _, compiled = small
    for batch in range(1, PLANS + 5):
        compiled(torch.randn(batch, 3, 17, 17))
    assert len(compiled._plans) == PLANS


def test_memory_is_used_again(small: tuple[nn.Module, CompiledModel]) -> None:
    """Everything the network makes at this size is about 30 kB; at any one time it needs less than half of it."""
    _, compiled = small
    assert 0 < compiled.memory(torch.randn(4, 3, 17, 17)) < 15_000


def test_additions_are_done_with_the_convolution_before(small: tuple[nn.Module, CompiledModel]) -> None:
    _, compiled = small
    assert compiled.program is not None
    names = [op.name.split(".")[1] for op in compiled.program.ops]
    assert "conv_add" in names and "add" not in names


def test_profile_names_the_layers(small: tuple[nn.Module, CompiledModel]) -> None:
    _, compiled = small
    timings = compiled.profile(torch.randn(1, 3, 17, 17))
    assert {"conv", "add", "branch", "concat", "fc"} <= {timing.layer for timing in timings}
    assert all(timing.nanoseconds > 0 for timing in timings)


class Structured(nn.Module):
    """Tensors in a dict and a tuple, in and out; a raw operation, a transposed product and a softmax between."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.scores, self.softmax, self.mix = wrappers.Matmul(), nn.Softmax(-1), wrappers.Matmul()
        self.norm, self.out = nn.LayerNorm(8), nn.Linear(8, 6)

    def forward(self, given: dict[str, Tensor], pair: tuple[Tensor, Tensor]) -> dict[str, Any]:
        q, (k, v) = self.query(given["q"]), (self.key(pair[0]), self.value(pair[1]))
        weights = self.softmax(self.scores(q, k.transpose(-2, -1)))
        mixed = self.norm(self.mix(weights, v))
        y = self.out(mixed)
        more = [y.exp().sum(-1, keepdim=True), mixed.flatten(1)[:, ::2]]
        return OrderedDict(y=y, more=more, none=None)


def test_structures_of_tensors_and_torchs_own_operations() -> None:
    torch.manual_seed(0)
    arguments = ({"q": torch.randn(3, 5, 8)}, (torch.randn(3, 7, 8), torch.randn(3, 7, 8)))
    converted = convert(quantized(Structured(), *arguments))
    compiled = compile(converted, *arguments)
    assert compiled.reason == ""
    for batch in (1, 3, 4):
        q, k, v = torch.randn(batch, 5, 8), torch.randn(batch, 7, 8), torch.randn(batch, 7, 8)
        with torch.no_grad():
            expected, given = converted({"q": q}, (k, v)), compiled({"q": q}, (k, v))
        assert list(given) == ["y", "more", "none"] and type(given) is OrderedDict and type(given["more"]) is list
        torch.testing.assert_close(given, expected)
        assert torch.equal(given["y"], expected["y"])
    with pytest.raises(TypeError, match="the program takes"):
        compiled(torch.randn(3, 5, 8))


class DataDependent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = -x
        out: Tensor = self.second(self.first(x))
        return out


def test_what_cannot_be_captured_runs_as_it_is() -> None:
    x = torch.randn(3, 4)
    converted = convert(quantized(DataDependent(), x))
    with pytest.warns(UserWarning, match="the model was not compiled, and runs as it is"):
        compiled = compile(converted, x)
    assert "torch.export cannot follow it" in compiled.reason
    assert same(converted, compiled, x) and same(converted, compiled, -x)
    with pytest.raises(RuntimeError, match="only a program can be profiled"):
        compiled.profile(x)


class FixedSize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x).view(1, 12))
        return out


def test_a_batch_that_the_model_fixes_stays_fixed() -> None:
    x = torch.randn(3, 4)
    converted = convert(quantized(FixedSize(), x))
    compiled = compile(converted, x)
    assert compiled.reason == "" and compiled.program is not None
    assert compiled.program.inputs[0].sizes == (3, 4)
    assert same(converted, compiled, x)


class Pairs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x).index_select(0, torch.tensor([1, 0])))
        return out


def test_a_model_that_takes_no_batch_of_one_is_compiled_for_its_example() -> None:
    x = torch.randn(3, 4)
    converted = convert(quantized(Pairs(), x))
    compiled = compile(converted, x)
    assert compiled.reason == "" and "takes no batch of one: index out of range" in compiled.fixed
    assert same(converted, compiled, x)


class Attending(nn.Module):
    """Torch's own attention, whose result is viewed as its kernel lays it out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.first(x).view(*x.shape[:2], 2, 4).transpose(1, 2)
        mixed = nn.functional.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2).reshape(x.shape)
        out: Tensor = self.second(mixed.contiguous().view(-1, 8)).view(*x.shape[:2], 2)
        return out


def test_what_attention_gives_can_be_viewed() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 8)
    converted = convert(quantized(Attending(), x))
    compiled = compile(converted, x)
    assert (compiled.reason, compiled.fixed) == ("", "")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), converted(x))


class Scores(NamedTuple):
    first: Tensor
    others: dict[str, Tensor | None]


class Asked(nn.Module):
    """Arguments by name, as tokenizers give them, and a result of a type of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.mul = nn.Linear(4, 4), nn.Linear(4, 2), wrappers.EltWiseMult()

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: Tensor | None = None) -> Scores:
        x = self.first(x) if mask is None else self.mul(self.first(x), mask)
        return Scores(self.second(x), {"mask": mask, "scaled": None if scale is None else x * scale})


def test_arguments_by_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, scale = torch.randn(3, 4), torch.randn(3, 1)
    converted = convert(quantized(Asked(), x, None, scale))
    compiled = compile(converted, x, scale=scale)
    assert (compiled.reason, compiled.fixed) == ("", "")
    assert {op.layer for op in compiled.program.ops} >= {"first", "second"}  # type: ignore[union-attr]
    for more in (x, torch.randn(5, 4)):
        factor = torch.randn(len(more), 1)
        with torch.no_grad():
            expected, given = converted(more, scale=factor), compiled(more, scale=factor)
        assert type(given) is Scores and given.others["mask"] is None
        assert torch.equal(given.first, expected.first)
        torch.testing.assert_close(given.others["scaled"], expected.others["scaled"])
    save(compiled, tmp_path / "model.int8")
    loaded = load(tmp_path / "model.int8")
    first, others = loaded(x, scale=scale)  # a plain tuple: the file knows no class
    assert torch.equal(first, compiled(x, scale=scale).first) and set(others) == {"mask", "scaled"}
    with pytest.raises(TypeError, match=r"'scale': 'tensor 1'.*not .'Tensor', 'Tensor'"):
        compiled(x, scale)
    both = compile(convert(quantized(Asked(), x, x, scale)), scale=scale, x=x, mask=x)
    assert torch.equal(both(mask=x, x=x, scale=scale).first, both(x=x, scale=scale, mask=x).first)
    assert both.memory(mask=x, x=x, scale=scale) > 0 and both.profile(mask=x, x=x, scale=scale)


class ByBatch(nn.Module):
    """Large batches are computed in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x))
        return out if x.shape[0] < 8 else out * 2


def test_a_model_that_goes_by_the_batch_is_compiled_for_one() -> None:
    x = torch.randn(3, 4)
    converted = convert(quantized(ByBatch(), x))
    compiled = compile(converted, x)
    assert compiled.reason == "" and "Constraints violated" in compiled.fixed
    assert same(converted, compiled, x) and same(converted, compiled, torch.randn(9, 4))


class Assigned(nn.Module):
    """Parts of a tensor assigned, from one of fewer sizes, of another type; a normalization in floating point."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.zeros(x.shape[0], 3, 4)
        rows[:, 1] = self.first(x)
        rows[:, 2:] = torch.arange(4)
        rows[:, 0] = self.norm(x * 2)
        out: Tensor = self.last(rows / (1 + rows.norm(dim=-1, keepdim=True)))
        return out


def test_parts_of_tensors_may_be_assigned() -> None:
    x = torch.randn(3, 4)
    converted = convert(quantized(Assigned(), x))
    compiled = compile(converted, x)
    assert (compiled.reason, compiled.fixed) == ("", "")
    for batch in (1, 5):
        x = torch.randn(batch, 4)
        with torch.no_grad():
            torch.testing.assert_close(compiled(x), converted(x))


class Scaled(nn.Module):
    """Channels scaled by a parameter, and a pooling in floating point at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 1)
        self.scale = nn.Parameter(torch.rand(6, 1, 1))
        self.mul, self.pool = wrappers.EltWiseMult(), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pool(self.last(self.mul(self.conv(x), self.scale)).exp())
        return out


def test_broadcast_parameters_and_poolings_in_float_leave_the_batch_open() -> None:
    x = torch.randn(3, 3, 8, 8)
    converted = convert(quantized(Scaled(), x))
    compiled = compile(converted, x)
    assert (compiled.reason, compiled.fixed) == ("", "")
    for batch in (1, 6):
        x = torch.randn(batch, 3, 8, 8)
        with torch.no_grad():
            torch.testing.assert_close(compiled(x), converted(x))


@pytest.mark.parametrize(
    "activation",
    [nn.PReLU(4), nn.SiLU(), nn.Mish(), nn.Softplus(), nn.Hardswish(), nn.Hardsigmoid(), nn.CELU(), nn.SELU()],
    ids=lambda module: type(module).__name__,
)
def test_an_activation_in_floating_point_is_one_operation(activation: nn.Module) -> None:
    torch.manual_seed(0)
    left, x = {"bits_weights": None, "bits_activations": None}, torch.randn(4, 4, 6, 6)
    net = nn.Sequential(nn.Conv2d(4, 4, 3), activation, nn.Conv2d(4, 4, 1))
    converted = convert(quantized(net, x, overrides={"0": left, "1": left}))
    compiled = compile(converted, x)
    assert compiled.reason == "" and compiled.program is not None
    torchs = [op.name.split(".")[1] for op in compiled.program.ops if op.name.startswith("aten.")]
    assert torchs == ["convolution", type(activation).__name__.lower(), "clone"], "the last puts the result in order"
    for batch in (x, x[:1]):
        assert same(converted, compiled, batch)


def test_other_inputs_than_the_program_takes_go_to_the_model(small: tuple[nn.Module, CompiledModel]) -> None:
    converted, compiled = small
    assert same(converted, compiled, torch.randn(2, 3, 19, 15))
    assert same(converted, compiled, torch.randn(2, 3, 17, 17, dtype=torch.float64))
    alone = CompiledModel(compiled.program)
    with pytest.raises(ValueError, match=r"input 0 must be torch.float32 of shape \(batch, 3, 17, 17\), not"):
        alone(torch.randn(2, 3, 19, 15))


class Repeated(nn.Module):
    """The same convolution at two places, with codes of different scales."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again = wrappers.again(self.conv)
        self.last = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.again(self.conv(x)))
        return out


def test_weights_that_two_places_share() -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 4, 8, 8)
    converted = convert(quantized(Repeated(), x))
    compiled = compile(converted, x)
    for _ in range(3):
        assert same(converted, compiled, x)


def test_a_compiled_model_is_a_module_for_whoever_evaluates_it() -> None:
    model, x = small_net()
    compiled = compile(convert(model), x)
    assert isinstance(compiled, nn.Module)
    assert compiled.train().eval().to("cpu") is compiled and not compiled.training
    assert sum(buffer.numel() for buffer in compiled.buffers()) > 0
    assert re.search(r"\d+ operations, \d+\.\d\d MB, any batch", repr(compiled))
    with pytest.raises(TypeError, match="runs on the CPU"):
        compiled.half()
    for copied in (pickle.loads(pickle.dumps(compiled)), copy.deepcopy(compiled)):
        assert torch.equal(copied(x), compiled(x))


def test_batches_that_run_module_by_module_say_so_once() -> None:
    model, x = small_net()
    compiled = compile(convert(model), x)
    smaller = x[..., 1:, 1:]
    with pytest.warns(UserWarning, match=r"module by module, which takes \d+\.\d times as long: input 0 must be"):
        compiled(smaller)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(smaller)


class Framed(nn.Module):
    """Frames and windows along one axis, of few channels."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = wrappers.Pad()
        self.conv = nn.Conv1d(2, 8, 9, stride=2)
        self.pad2 = wrappers.Pad()
        self.conv2 = nn.Conv1d(8, 3, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.pad2(self.conv(self.pad(x, (4, 3))), (2, -1)))
        return out


def test_frames_are_copies_of_the_program() -> None:
    x = torch.randn(3, 2, 40)
    converted = convert(quantized(Framed(), x))
    compiled = compile(converted, x)
    for batch in (1, 4):
        x = torch.randn(batch, 2, 40)
        assert torch.equal(compiled(x), converted(x))
    assert not any("pad" in timing.op for timing in compiled.profile(x))


@dataclasses.dataclass
class Found:
    boxes: Tensor
    scores: tuple[Tensor, Tensor]


class Detector(nn.Module):
    """Its result is of a class of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 8, 3), nn.ReLU()
        self.boxes, self.scores = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Found:
        x = self.relu(self.stem(x))
        scores = self.scores(x)
        return Found(self.boxes(x), (scores, scores.flatten(1)))


def test_results_of_a_class_of_the_models_own(tmp_path: Path) -> None:
    x = torch.randn(2, 3, 8, 8)
    model = quantized(Detector(), x)
    converted = convert(model)
    compiled = compile(converted, x)
    assert compiled.reason == ""
    for given in (converted(x), compiled(x)):
        assert isinstance(given, Found) and torch.equal(given.boxes, model(x).boxes)
        assert torch.equal(given.scores[1], model(x).scores[1])
    save(compiled, tmp_path / "model.int8")
    assert torch.equal(load(tmp_path / "model.int8")(x)["boxes"], model(x).boxes)


class Peaks(nn.Module):
    """A maximum of real numbers, between a layer that returns some and one that takes them."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.first, self.act, self.pool = nn.Conv2d(3, 8, 3), nn.LogSigmoid(), pool
        self.second = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.second(self.pool(self.act(self.first(x))))
        return result


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2, dilation=2)])
def test_maxima_in_floating_point(pool: nn.Module, tmp_path: Path) -> None:
    left = {"first": None, "act": None, "pool": None}
    x = torch.randn(2, 3, 15, 15)
    overrides = {name: {"bits_activations": None} for name in left}
    model = convert(quantized(Peaks(pool), x, overrides=overrides))
    compiled = compile(model, x)
    save(compiled, tmp_path / "peaks.int8")
    given = [x, x.to(memory_format=torch.channels_last), torch.cat([x, x.round()]), torch.zeros(1, 3, 15, 15)]
    for each in given:
        assert same(model, compiled, each)
        assert torch.equal(load(tmp_path / "peaks.int8")(each), compiled(each))


@pytest.mark.parametrize("shape", [(1, 3, 9, 11), (2, 40, 8, 8), (3, 9, 9)])
@pytest.mark.parametrize("laid_out", [torch.contiguous_format, torch.channels_last])
def test_maxima_are_torchs_own(shape: tuple[int, ...], laid_out: torch.memory_format) -> None:
    x = torch.randn(shape).round()  # the same number in many places
    x = x.to(memory_format=laid_out) if x.dim() == 4 else x
    x[..., 3, 4], x[..., 5, 5] = float("nan"), -0.0
    pool, ours = torch.ops.aten.max_pool2d_with_indices.default, function_of("aten.max_pool2d_with_indices.default")
    for how in ([2, 2], [3, 3], [1, 1], [1, 1]), ([3, 3], [2, 2], [1, 1], [1, 1], True), ([3, 2], [2, 2]):
        for wanted, given in zip(pool(x, *how), ours(x, *how), strict=True):
            assert torch.equal(wanted.nan_to_num(9.0), given.nan_to_num(9.0)) and wanted.stride() == given.stride()
            assert torch.equal(wanted.float().signbit(), given.float().signbit())
