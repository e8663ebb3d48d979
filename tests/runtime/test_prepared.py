"""check_prepared finds what no module stands for, and says where."""

from __future__ import annotations

import linecache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import runtime.modules as m
from rewriter.engine import rewrite
from rewriter.settings import Settings
from runtime.inspect import check_prepared

X = torch.randn(2, 4, 6, 6)


class Raw(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[-1] * 2
        y = self.act(self.conv(x)) + x
        y = F.interpolate(y, size=size)
        y *= 2
        return self.act(torch.cat([y, y.mean(1, keepdim=True)], 1))


def test_raw_operations_with_their_places() -> None:
    report = check_prepared(Raw(), X)
    assert not report and {raw.name for raw in report.raw} == {"add", "interpolate", "mul", "cat", "mean"}
    for raw in report.raw:
        assert raw.file == __file__
        line = linecache.getline(raw.file, raw.line)
        assert {"add": "+ x", "mul": "*=", "cat": "cat", "mean": "mean", "interpolate": "interpolate"}[raw.name] in line
    assert report.repeated == {"act": 2}
    text = str(report)
    assert "not prepared: 5 places" in text and "act is called 2 times" in text and "rewriter fix" in text


def test_a_prepared_model() -> None:
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3), m.Clamp(0, 1))
    report = check_prepared(model, X)
    assert report and report.prepared and str(report).startswith("prepared")


def test_rewriting_prepares(tmp_path: Path) -> None:
    source = Path(__file__).read_bytes()
    result = rewrite(source, Path(__file__), Settings())
    namespace: dict[str, object] = {"__name__": "rewritten", "__file__": "rewritten.py"}
    exec(compile(result.after, "rewritten.py", "exec"), namespace)
    assert check_prepared(namespace["Raw"](), X)  # type: ignore[operator]


def test_hooks_are_removed_whatever_happens() -> None:
    model = Raw()
    with pytest.raises(RuntimeError):
        check_prepared(model, torch.randn(2, 3))
    assert not any(s._forward_hooks or s._forward_pre_hooks for s in model.modules())
