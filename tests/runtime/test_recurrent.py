"""The recurrent twins against torch's modules, over every option of constructor and forward."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import runtime.modules
from tests.runtime.against_torch import assert_refuses_alike, assert_same, pair

LAYERS = {
    "LSTM": [{}],
    "GRU": [{}],
    "RNN": [{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}],
}
CELLS = {"LSTMCell": [{}], "GRUCell": [{}], "RNNCell": [{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}]}
F64 = torch.float64


def twins(kind: str, *args: Any, **options: Any) -> Any:
    return pair(getattr(nn, kind), getattr(runtime.modules, kind), *args, **options)


def inputs(module: Any, form: str, with_state: bool, sizes: tuple[int, ...] = (2, 4, 1)) -> tuple[Any, ...]:
    """An input of the form, and a state where asked for, all requiring gradients."""
    dtype = next(module.parameters()).dtype
    time, batch = max(sizes), len(sizes)
    shape = {"unbatched": (time,), "packed": (batch, time), "batched": (time, batch)}[form]
    if form == "batched" and module.batch_first:
        shape = (batch, time)
    x = torch.randn(*shape, module.input_size, dtype=dtype, requires_grad=True)
    cells = module.num_layers * (2 if module.bidirectional else 1)
    middle = () if form == "unbatched" else (batch,)
    widths = [module.proj_size or module.hidden_size, module.hidden_size]
    state = [torch.randn(cells, *middle, width, dtype=dtype, requires_grad=True) for width in widths]
    hx = tuple(state) if isinstance(module, nn.LSTM) else state[1]
    given_input: Any = x
    if form == "packed":
        given_input = pack_padded_sequence(x, list(sizes), batch_first=True, enforce_sorted=False)
    return (given_input, hx) if with_state else (given_input,)


GRID = [
    (kind, {**extra, "num_layers": layers, "bidirectional": both, "bias": bias}, form, with_state)
    for kind, extras in LAYERS.items()
    for extra, layers, both, bias, form, with_state in itertools.product(
        extras, (1, 2), (False, True), (False, True), ("batched", "unbatched", "packed"), (False, True)
    )
]


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize(("kind", "options", "form", "with_state"), GRID)
def test_equal_torch(kind: str, options: Any, form: str, with_state: bool, dtype: torch.dtype) -> None:
    original, twin = twins(kind, 3, 5, **options, dtype=dtype)
    assert_same(original, twin, *retained(inputs(original, form, with_state)))


def retained(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Packed data becomes a leaf, so that the two runs do not share a graph."""
    first, *rest = arguments
    if isinstance(first, PackedSequence):
        data = first.data.detach().requires_grad_()
        first = PackedSequence(data, first.batch_sizes, first.sorted_indices, first.unsorted_indices)
    return (first, *rest)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_combination_equals_torch(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["LSTM", "GRU", "RNN"]))
    hidden = data.draw(st.integers(1, 6))
    options: dict[str, Any] = {
        "num_layers": data.draw(st.integers(1, 3)),
        "bias": data.draw(st.booleans()),
        "batch_first": data.draw(st.booleans()),
        "bidirectional": data.draw(st.booleans()),
        "dropout": data.draw(st.sampled_from([0.0, 0.4, 1.0])),
        "dtype": F64,
    }
    if kind == "LSTM":
        options["proj_size"] = data.draw(st.integers(0, hidden - 1))
    original, twin = twins(kind, data.draw(st.integers(1, 4)), hidden, **options)
    training = data.draw(st.booleans())
    original.train(training), twin.train(training)
    sizes = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    form = data.draw(st.sampled_from(["batched", "unbatched", "packed"]))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    assert_same(original, twin, *retained(inputs(original, form, data.draw(st.booleans()), sizes)))


def test_positional_arguments_mean_the_same() -> None:
    original, twin = twins("LSTM", 3, 6, 2, False, True, 0.5, True, 4, torch.device("cpu"), F64)
    assert twin.extra_repr() == original.extra_repr()
    original, twin = twins("RNN", 3, 6, 2, "relu", False, True, 0.5, True)
    assert twin.extra_repr() == original.extra_repr()


def test_a_sorted_packed_batch_has_no_indices() -> None:
    original, twin = twins("GRU", 3, 4, bidirectional=True, dtype=F64)
    packed = pack_padded_sequence(torch.randn(5, 2, 3, dtype=F64), [5, 2])
    ours, theirs = twin(packed)[0], original(packed)[0]
    assert ours.sorted_indices is None and ours.unsorted_indices is None
    assert torch.equal(ours.batch_sizes, theirs.batch_sizes)


def test_the_dropout_rate_may_change() -> None:
    original, twin = twins("LSTM", 3, 4, num_layers=2, dtype=F64)
    original.dropout = twin.dropout = 0.5
    assert_same(original, twin, torch.randn(4, 2, 3, dtype=F64))
    original.dropout = twin.dropout = 0.0
    assert_same(original, twin, torch.randn(4, 2, 3, dtype=F64))


REFUSED = {
    "too many dimensions": lambda: (torch.randn(1, 2, 3, 3),),
    "features": lambda: (torch.randn(2, 3, 4),),
    "dtype": lambda: (torch.randn(2, 3, 3, dtype=F64),),
    "no time": lambda: (torch.randn(0, 2, 3),),
    "state batch": lambda: (torch.randn(2, 3, 3), torch.randn(1, 2, 5)),
    "state dimensions": lambda: (torch.randn(2, 3, 3), torch.randn(1, 5)),
    "unbatched state": lambda: (torch.randn(2, 3), torch.randn(1, 1, 5)),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("kind", LAYERS)
def test_refuses_what_torch_refuses(kind: str, why: str) -> None:
    original, twin = twins(kind, 3, 5)
    given_input, *state = REFUSED[why]()
    if state and kind == "LSTM":
        state = [(state[0], state[0])]
    assert_refuses_alike(original, twin, given_input, *state)


@pytest.mark.parametrize(
    "options",
    [{"hidden_size": 0}, {"num_layers": 0}, {"dropout": 2}, {"bias": 1}, {"proj_size": 9}, {"proj_size": -1}],
)
def test_constructor_refuses_what_torch_refuses(options: Any) -> None:
    arguments = {"input_size": 3, "hidden_size": 5, **options}
    with pytest.raises((ValueError, TypeError)) as theirs:
        nn.LSTM(**arguments)
    with pytest.raises(theirs.type) as ours:
        runtime.modules.LSTM(**arguments)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    ("kind", "options", "bias", "batched", "with_state"),
    [
        (kind, options, *rest)
        for kind, extras in CELLS.items()
        for options in extras
        for rest in itertools.product((False, True), (False, True), (False, True))
    ],
)
def test_cells_equal_torch(
    kind: str, options: Any, bias: bool, batched: bool, with_state: bool, dtype: torch.dtype
) -> None:
    original, twin = twins(kind, 3, 5, bias, **options, dtype=dtype)
    lead = (4,) if batched else ()
    x, h, c = (torch.randn(*lead, n, dtype=dtype, requires_grad=True) for n in (3, 5, 5))
    state = ((h, c) if kind == "LSTMCell" else h,) if with_state else ()
    assert_same(original, twin, x, *state)


@pytest.mark.parametrize("kind", CELLS)
def test_cells_refuse_what_torch_refuses(kind: str) -> None:
    original, twin = twins(kind, 3, 5)
    assert_refuses_alike(original, twin, torch.randn(1, 2, 3))
    state = torch.randn(2, 5)
    assert_refuses_alike(original, twin, torch.randn(4, 3), (state, state) if kind == "LSTMCell" else state)


def test_one_part_a_gate_operation_layer_and_direction() -> None:
    twin = runtime.modules.LSTM(3, 4, num_layers=2, bidirectional=True)
    counts: dict[str, int] = {}
    for module in twin.modules():
        counts[type(module).__name__] = counts.get(type(module).__name__, 0) + 1
    units = 4  # two layers of two directions, which share nothing
    assert counts["Linear"] == 2 * units
    assert counts["Sigmoid"] == 3 * units
    assert counts["Tanh"] == 2 * units
    assert counts["EltWiseMult"] == 3 * units
    assert counts["EltWiseAdd"] == 2 * units


def test_time_steps_share_the_parts_and_the_input_projection_is_one_call() -> None:
    twin = runtime.modules.LSTM(3, 4)
    calls: dict[str, int] = {}
    for name, module in twin.named_modules():
        module.register_forward_hook(lambda *_, name=name: calls.__setitem__(name, calls.get(name, 0) + 1))
    twin(torch.randn(7, 2, 3))
    assert calls["ih_l0"] == 1
    assert calls["hh_l0"] == 7
    assert calls["gates_l0.forget_gate"] == 7
    assert set(calls) >= {name for name, m in twin.named_modules() if name.startswith("gates_l0.")}


class TestPlainInference:
    """Where a weight laid out once takes the place of the call at every step."""

    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The rows of each call of nn.Linear."""
        calls: list[int] = []
        linear = nn.Linear.forward

        def counted(module: nn.Linear, x: torch.Tensor) -> torch.Tensor:
            calls.append(x.shape[-2])
            return linear(module, x)

        monkeypatch.setattr(nn.Linear, "forward", counted)
        return calls

    @pytest.fixture
    def twin(self) -> Any:
        return runtime.modules.LSTM(8, 256, bidirectional=True)

    X = torch.randn(9, 16, 8)

    @pytest.mark.parametrize("form", ["batched", "packed"])
    def test_equals_torch_and_calls_less(self, calls: list[int], form: str) -> None:
        original, twin = twins("LSTM", 8, 256, bidirectional=True)
        sizes = tuple(range(1, 10)) * 2
        (given_input,) = inputs(original, form, False, sizes)
        with torch.no_grad():
            assert torch.allclose(first_of(twin(given_input)), first_of(original(given_input)), atol=1e-5)
        assert len(calls) <= 2, "no call for a single step"

    def test_follows_the_weights(self, twin: Any) -> None:
        with torch.no_grad():
            before = twin(self.X)[0]
            twin.weight_hh_l0.mul_(2)
            assert not torch.allclose(twin(self.X)[0], before, atol=1e-3)

    def test_whoever_looks_on_sees_every_call(self, calls: list[int], twin: Any) -> None:
        every = 2 * (1 + 9)
        twin(self.X)
        assert len(calls) == every, "gradients are wanted"
        with torch.no_grad():
            seen: list[int] = []
            handle = twin.hh_l0.register_forward_hook(lambda *_: seen.append(1))
            twin(self.X)
            handle.remove()
            assert len(seen) == 9
            with torch.overrides.BaseTorchFunctionMode():
                calls.clear()
                twin(self.X)
                assert len(calls) == every
            patched: list[int] = []
            twin.hh_l0.forward = lambda x: patched.append(1) or torch.zeros(*x.shape[:-1], 1024)
            twin(self.X)
            assert len(patched) == 9


def first_of(result: Any) -> torch.Tensor:
    output = result[0]
    return output.data if isinstance(output, PackedSequence) else output
