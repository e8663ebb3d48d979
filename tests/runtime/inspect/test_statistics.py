"""Statistics of modules and calls, against the numbers themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from runtime.inspect import activation_statistics, load_activation_statistics, save_activation_statistics


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.relu = nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.fc(self.relu(x)))
        return result


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 4, generator=generator) * (1 + n) for n in (2, 5, 3)]


def test_every_number_is_that_of_all_the_data() -> None:
    found = activation_statistics(Twice(), batches())
    assert list(found) == ["relu", "fc", "relu:call1"], "each call by itself"
    one, x = found["relu"].inputs[0], torch.cat(batches()).double()
    assert (one.min, one.max) == (x.min().item(), x.max().item())
    assert one.avg_min == pytest.approx(x.amin(1).mean().item())
    assert one.avg_max == pytest.approx(x.amax(1).mean().item())
    assert one.mean == pytest.approx(x.mean().item())
    assert one.std == pytest.approx(x.std(unbiased=False).item())
    assert one.b == pytest.approx((x - x.mean()).abs().mean().item())
    assert (one.shape, one.total_numel) == ((3, 4), 40)
    expected = torch.histc(x.float(), 128, one.min, one.max).long()
    assert (torch.tensor(one.histogram) - expected).abs().sum() <= 2 and sum(one.histogram) == 40
    assert found["relu"].output.min == 0.0


def test_a_file_holds_the_same_numbers(tmp_path: Path) -> None:
    found = activation_statistics(Twice(), batches())
    save_activation_statistics(found, tmp_path / "stats.yaml")
    assert load_activation_statistics(tmp_path / "stats.yaml") == found


def test_a_file_of_distillers_is_read(tmp_path: Path) -> None:
    entry = "{min: -1.5, max: 2, avg_min: -1, avg_max: 1.5, mean: 0.1, std: 0.5, b: 0.4, shape: '(10, 64)', total_numel: 640}"
    (tmp_path / "stats.yaml").write_text(f"conv1:\n  inputs:\n    0: {entry}\n  output: {entry}\n")
    found = load_activation_statistics(tmp_path / "stats.yaml")["conv1"]
    assert found.output.max == 2.0 and found.inputs[0].shape == (10, 64) and found.output.histogram == []


@pytest.mark.parametrize("text", ["", "conv1: 5\n", "conv1:\n  output: {min: 1}\n", "conv1:\n  output: [1]\n"])
def test_a_damaged_file_is_an_error_that_says_which(text: str, tmp_path: Path) -> None:
    (tmp_path / "stats.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"stats\.yaml(: the statistics of 'conv1' are damaged| holds no statistics)"):
        load_activation_statistics(tmp_path / "stats.yaml")


def test_data_that_end_are_an_error() -> None:
    with pytest.raises(ValueError, match="pass a list or a DataLoader"):
        activation_statistics(Twice(), iter(batches()))
