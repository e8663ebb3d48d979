"""Warnings point to the line of the user's program."""

from __future__ import annotations

import ast
import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import runtime
from runtime import int8
from runtime.quantization import QuantAwareTrainRangeLinearQuantizer

X = torch.randn(8, 6)
PACKAGE = Path(runtime.__path__[0])


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))


def shadowed() -> Any:
    overrides = {".*": {"bits_weights": 8}, "0": {"bits_weights": 4}}
    return runtime.quantize(net(), [X], verbose=False, overrides=overrides)


def without_an_example() -> Any:
    return QuantAwareTrainRangeLinearQuantizer(net(), None, 8, 8).prepare_model()


def not_compiled() -> Any:
    return int8.compile(int8.convert(runtime.quantize(Flagged(), [(X, True)], verbose=False)), X, True)


class Flagged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Any, twice: bool) -> Any:
        return self.head(self.fc(x))


@pytest.mark.parametrize("call", [shadowed, without_an_example, not_compiled])
def test_warnings_point_to_the_line_that_called(call: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    lines, start = inspect.getsourcelines(call)
    found = [one for one in caught if one.category is UserWarning]
    assert found
    assert {(one.filename, one.lineno) for one in found} == {(__file__, start + len(lines) - 1)}


def test_no_warning_counts_frames_itself() -> None:
    """But those of the modules, which are copied into projects and import nothing of ours."""
    counting = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
    ]
    assert [place for place in counting if not place.startswith("modules/")] == ["user_line.py"]
