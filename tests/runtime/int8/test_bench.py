"""`python -m runtime bench`: models are found, sides compared in turns, profiles printed."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from runtime.__main__ import main
from runtime.int8.bench.command import chrome_trace, find_model, profile_table
from runtime.int8.bench.rounds import REPEATS, WARMING, measure
from runtime.int8.bench.sides import EAGER, OURS, Task, Unavailable, prepare
from runtime.int8.plan import Timing
from runtime.kernels.native import library

SOURCE = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))

net = Net()
number = 3
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "some_net.py").write_text(SOURCE)
    return str(tmp_path / "some_net.py")


@pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")
def test_bench_prints_ratios_and_a_profile(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda number: None)
    trace = tmp_path / "trace.json"
    options = ["--input", "1x3x16x16", "--rounds", "2", "--only", OURS, "--profile", "--trace", str(trace)]
    assert main(["bench", f"{source}:Net", *options]) == 0
    out = capsys.readouterr().out
    lines = {line[:18].strip(): line[18:].split() for line in out.splitlines()}
    assert float(lines[EAGER][1]) == 1.0 and float(lines[OURS][1]) > 0
    assert "runtime_int8.conv.default" in out
    events = json.loads(trace.read_text())["traceEvents"]
    assert all(event["ph"] == "X" for event in events) and {"0", "3"} <= {event["name"] for event in events}


def test_models_are_found_by_name(source: str) -> None:
    assert type(find_model(f"{source}:Net")).__name__ == "Net"
    assert isinstance(find_model(f"{source}:net"), nn.Sequential)
    assert isinstance(find_model("torch.nn:Identity"), nn.Identity)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet", "a model is named as"),
        ("no_such_package:Net", "No module named 'no_such_package'"),
        ("missing.py:Net", "there is no file 'missing.py'"),
        ("torch.nn:NoSuchLayer", "has no attribute 'NoSuchLayer'"),
    ],
)
def test_what_is_no_model(model: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", model]) == 2
    assert message in capsys.readouterr().err


def test_sides_take_turns() -> None:
    turns: list[str] = []
    found = measure({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, ["a", "absent"], rounds=2)
    assert [side for side, _ in itertools.groupby(turns)] == ["a", "b", "a", "b"]
    assert found["a"].ratio == 1.0 and found["a"].cpu_ratio == 1.0


def test_a_slow_side_has_one_call_that_does_not_count() -> None:
    calls: list[float] = []

    def slow() -> None:
        calls.append(time.perf_counter())
        time.sleep(1.5 * WARMING)

    measure({"slow": slow}, ["slow"], rounds=1)
    assert len(calls) == 1 + REPEATS


def test_the_faster_baseline_is_compared_with_too() -> None:
    found = measure({"slow": lambda: time.sleep(0.02), "fast": lambda: None}, ["slow", "fast"], rounds=1)
    assert found["fast"].best_ratio == 1.0 and found["fast"].ratio > 1 and found["slow"].best_ratio < 1


def test_a_side_that_cannot_run_says_why() -> None:
    class Unwilling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("not today\nat all")

    with pytest.raises(Unavailable, match=r"RuntimeError: not today$"):
        prepare(EAGER, Task(Unwilling(), torch.zeros(1), 1))


def test_profiles_add_up() -> None:
    timings = [Timing("a", "conv", 3000), Timing("b", "conv", 1000), Timing("", "move", 4000)]
    lines = profile_table(timings).splitlines()
    assert lines[1].split() == ["a", "3.0", "37.5", "conv"]
    assert lines[-1].split() == ["all", "8.0", "100.0"]
    events = chrome_trace(timings)["traceEvents"]
    assert [(event["name"], event["ts"], event["dur"]) for event in events] == [
        ("a", 0, 3),
        ("b", 3, 1),
        ("move", 4, 4),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "1x4x16x16"], "the model cannot take --input, float32 of shape (1, 4, 16, 16)"),
        (["--input", "1x4x16x16"], "it stopped in '0', Conv2d(3,"),
        (["--input", "1,3,16,16"], "--input is sizes with x between them, as 8x3x32x32, not '1,3,16,16'"),
        (["--only", "int8"], "--only knows no 'int8'; there are 'torch fp32 eager'"),
    ],
)
def test_what_cannot_be_measured(
    source: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", f"{source}:Net", *options]) == 2
    assert message in capsys.readouterr().err
