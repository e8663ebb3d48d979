"""What quantization costs, layer by layer, and models that keep layers in floating point for it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import runtime
from runtime.quantization import accuracy_control, search_bits, sensitivity
from runtime.quantization.quantized.sums import QuantizedSum


class Net(nn.Module):
    """The second layer's weights have one outlier a row, which meets zeros alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(16, 32)
        self.relu = nn.ReLU()
        self.second = nn.Linear(32, 32)
        self.relu2 = nn.ReLU()
        self.third = nn.Linear(32, 4)
        with torch.no_grad():
            self.first.weight[0] = 0.0
            self.first.bias[0] = 0.0
            self.second.weight[:, 0] = 100.0

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.third(self.relu2(self.second(self.relu(self.first(x)))))
        return out


@pytest.fixture
def model() -> nn.Module:
    return Net().eval()


@pytest.fixture
def data() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(32, 16) for _ in range(3)]


def agreement(exact: nn.Module, data: list[Tensor]) -> object:
    """A metric: decibels of a model's results, no more than 40."""

    def measure(model: nn.Module) -> float:
        with torch.no_grad():
            pairs = [(exact(x), model(x)) for x in data]
        noise = sum(float((a - b).square().sum()) for a, b in pairs)
        return min(40.0, 10 * math.log10(sum(float(a.square().sum()) for a, _ in pairs) / max(noise, 1e-12)))

    return measure


def test_the_layer_that_bears_it_least_is_named(model: nn.Module, data: list[Tensor]) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = sensitivity(model, data)
    assert found[0].layer == "second" and {one.layer for one in found} == {"first", "second", "third"}
    assert found[0].decibels < 20 < found[1].decibels
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_run_that_was_stopped_goes_on(model: nn.Module, data: list[Tensor], tmp_path: Path) -> None:
    path, seen = tmp_path / "noise.csv", []

    def stop(what: str, number: float, done: int, total: int) -> None:
        seen.append((what, done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sensitivity(model, data, path=path, progress=stop)
    assert seen == [("first", 1, 3), ("second", 2, 3)]
    lines = path.read_text()
    assert len(lines.splitlines()) == 2
    whole = sensitivity(model, data, path=path)
    assert path.read_text().startswith(lines) and len(path.read_text().splitlines()) == 3
    assert whole == sensitivity(model, data)


def test_as_few_layers_stay_in_floating_point_as_are_needed(model: nn.Module, data: list[Tensor]) -> None:
    metric = agreement(model, data)
    controlled = accuracy_control(model, data, metric, drop=15)  # type: ignore[arg-type]
    assert controlled.in_float == ("second",) and controlled.score >= controlled.exact_score - 15 == 25
    assert type(controlled.model.second) is nn.Linear and isinstance(controlled.model.third, QuantizedSum)
    again = runtime.quantize(model, data, overrides=controlled.overrides, verbose=False)
    assert torch.equal(again(data[0]), controlled.model(data[0]))
    with pytest.warns(UserWarning, match="dB from the one in floating point, which is less than 30"):
        assert metric(runtime.quantize(model, data, verbose=False)) < 25  # type: ignore[operator]


def test_nothing_stays_in_floating_point_where_nothing_has_to(model: nn.Module, data: list[Tensor]) -> None:
    controlled = accuracy_control(model, data, lambda _: 1.0)
    assert controlled.in_float == () and controlled.overrides == {}


def test_quantize_says_what_it_cost(model: nn.Module, data: list[Tensor], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(UserWarning, match=r"most is lost in second .*improve=\['mend'\] mends it"):
        runtime.quantize(model, data)
    assert "against floating point, on the first batch: " in capsys.readouterr().out


def test_what_quantize_recommends_mends_it(model: nn.Module, data: list[Tensor]) -> None:
    with pytest.warns(UserWarning, match="^second: left in floating point. With all on integers") as warned:
        mended = runtime.quantize(model, data, improve=["mend"], verbose=False)
    assert len(warned) == 1 and type(mended.second) is nn.Linear
    assert agreement(model, data)(mended) > 30  # type: ignore[operator]


def test_searching_bits_is_resumed(model: nn.Module, data: list[Tensor], tmp_path: Path) -> None:
    path, told = tmp_path / "bits.csv", []
    budget = 4 * 36 + sum(p.numel() for p in model.parameters()) // 2 + 1000
    first = search_bits(model, data, budget, path=path, progress=lambda *seen: told.append(seen))
    assert [seen[2:] for seen in told] == [(done + 1, 18) for done in range(18)]
    assert len(path.read_text().splitlines()) == 18
    assert search_bits(model, data, budget, path=path) == first == search_bits(model, data, budget)
