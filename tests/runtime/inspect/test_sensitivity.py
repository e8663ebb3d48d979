"""Sensitivity to pruning: what is measured, and going on after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from runtime.inspect import Sensitivity, sensitivity_to_pruning
from tests.runtime.quantization.small import ConvNet


def zeros(model: nn.Module) -> float:
    """A score that says what was pruned."""
    return sum(float((p == 0).sum()) for name, p in model.named_parameters() if name.endswith("weight"))


def test_each_weight_is_pruned_by_itself_and_put_back() -> None:
    model = ConvNet()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    seen: list[tuple[str, int, int]] = []
    found = sensitivity_to_pruning(
        model, zeros, levels=(0.5, 0.25), progress=lambda one, number, total: seen.append((one.weight, number, total))
    )
    assert found == [
        Sensitivity("conv.weight", 0.25, 18),
        Sensitivity("conv.weight", 0.5, 36),
        Sensitivity("conv2.weight", 0.25, 144),
        Sensitivity("conv2.weight", 0.5, 288),
        Sensitivity("fc.weight", 0.25, 32),
        Sensitivity("fc.weight", 0.5, 64),
    ]
    assert seen[0] == ("conv.weight", 1, 6) and seen[-1] == ("fc.weight", 6, 6)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_structures_are_pruned_whole() -> None:
    found = sensitivity_to_pruning(ConvNet(), zeros, levels=(0.5,), group="Filters")
    assert [(one.weight, one.score) for one in found] == [("conv.weight", 4 * 9), ("conv2.weight", 4 * 8 * 9)]


def test_an_interrupted_measurement_goes_on_from_its_file(tmp_path: Path) -> None:
    path, measured = tmp_path / "sensitivity.csv", []

    def evaluate(model: nn.Module) -> float:
        if len(measured) == 4:
            raise KeyboardInterrupt
        measured.append(zeros(model))
        return measured[-1]

    whole = sensitivity_to_pruning(ConvNet(), zeros, levels=(0.25, 0.5))
    with pytest.raises(KeyboardInterrupt):
        sensitivity_to_pruning(ConvNet(), evaluate, levels=(0.25, 0.5), path=path)
    path.write_text(path.read_text()[:-2])  # stopped while it wrote the fourth line
    measured.clear()
    assert sensitivity_to_pruning(ConvNet(), evaluate, levels=(0.25, 0.5), path=path) == whole
    assert len(measured) == 3
    assert sensitivity_to_pruning(ConvNet(), lambda _: pytest.fail(), levels=(0.25, 0.5), path=path) == whole


def test_a_weight_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no parameters conv9"):
        sensitivity_to_pruning(ConvNet(), zeros, weights=["conv9"])
