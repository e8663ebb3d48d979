"""What `quantize` is asked for is understood, or refused before any work."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import runtime
from runtime import int8


class Net(nn.Module):
    calls = 0

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(6, 5)
        self.relu = nn.ReLU()
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        Net.calls += 1
        out: Tensor = self.head(self.relu(self.fc(x)))
        return out


X = torch.randn(8, 6)


@pytest.mark.parametrize(
    ("model", "data", "settings", "message"),
    [
        (Net, [X], {}, "Net is a class: make one"),
        ("net", [X], {}, "a torch.nn.Module, not str"),
        (torch.compile(Net()), [X], {}, r"quantize the model itself \(model\._orig_mod\)"),
        (nn.Sequential(nn.LazyLinear(4)), [X], {}, r"'0\.weight' has no shape before the model has run: run it once"),
        (Net(), TensorDataset(X), {}, r"pass torch\.utils\.data\.DataLoader\(data, batch_size=32\)"),
        (Net(), [X], {"bit_weights": 4}, r"no settings \['bit_weights'\]; there are .*'bits_weights'"),
        (Net(), [X], {"overrides": [("fc", {})]}, "overrides must be a dict of patterns"),
        (Net(), 3, {}, "data must yield batches"),
    ],
)
def test_what_cannot_be_meant(model: Any, data: Any, settings: dict[str, Any], message: str) -> None:
    Net.calls = 0
    with pytest.raises((TypeError, ValueError), match=message):
        runtime.quantize(model, data, verbose=False, **settings)
    assert Net.calls == 0


@pytest.mark.parametrize(
    "data", [X, [X], {"x": X}, [{"x": X}], UserDict(x=X), [UserDict(x=X)], DataLoader(TensorDataset(X), 8)]
)
def test_what_is_one_batch(data: Any) -> None:
    expected = runtime.quantize(Net(), [X], verbose=False)(X)
    assert torch.equal(runtime.quantize(Net(), data, verbose=False)(X), expected)


def test_settings_of_every_method_are_known() -> None:
    from runtime.quantization.asked import check_settings
    from runtime.quantization.methods import methods

    for method in methods().values():
        check_settings(method, {"bits_weights": 8, "overrides": {"fc": {"bits_weights": 4}}})
        with pytest.raises(TypeError, match="has no settings"):
            check_settings(method, {"nothing": 1})


def test_plain_dicts_of_overrides_keep_their_order() -> None:
    quantized = runtime.quantize(
        Net(), [X], verbose=False, overrides={"f.*": {"bits_weights": 4}, "fc": {"bits_weights": 2}}
    )
    assert quantized.fc.weight_grid.bits == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: Net(), "Net has no int8 module"),
        (lambda: Net, "Net is a class"),
        (lambda: runtime.quantize(Net(), [X], verbose=False), "only simulates integers: convert it first"),
        (lambda: int8.compile(int8.convert(runtime.quantize(Net(), [X], verbose=False)), X), "compiled already"),
    ],
)
def test_what_cannot_be_compiled(given: Any, message: str) -> None:
    model = given()
    with pytest.raises((TypeError, ValueError), match=message):
        int8.compile(model, X)


def test_what_cannot_be_saved(tmp_path: Any) -> None:
    with pytest.raises(TypeError, match=r"save takes what runtime\.int8\.compile makes, not Net"):
        int8.save(Net(), tmp_path / "net.int8")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(6, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        out: Tensor = self.head(self.fc(x)) + state
        return out


@pytest.mark.parametrize(
    ("batch", "as_called"),
    [
        ((X, X[:, :2]), lambda model: model(X, X[:, :2])),
        ([X, X[:, :2], torch.zeros(8)], lambda model: model(X, X[:, :2])),
        ({"x": X, "state": X[:, :2]}, lambda model: model(x=X, state=X[:, :2])),
    ],
    ids=["tuple", "labels at the end", "mapping"],
)
def test_compile_takes_a_batch_of_what_quantize_was_given(batch: Any, as_called: Any) -> None:
    quantized = runtime.quantize(Pair().eval(), [batch], verbose=False, allow_unprepared=True)
    converted = int8.convert(quantized)
    compiled = int8.compile(converted, batch)
    assert compiled.reason == "" and torch.equal(as_called(compiled), as_called(converted))
