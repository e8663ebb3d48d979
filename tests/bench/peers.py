"""One network on integers beside floating point and what others make of it: a row of a table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from runtime import int8
from runtime.int8.bench.rounds import measure
from runtime.int8.bench.sides import EAGER, OURS, Run, Task, Unavailable, prepare
from runtime.quantization.front_door import quantize
from tests.bench.shares import decibels, results, share

PEERS = ("ONNX Runtime int8", "OpenVINO int8", "torch.ao int8")
COLUMNS = (
    *("network", "in int8", "dB", "same answers", "fp32 ms", "ours", "ONNX Runtime", "OpenVINO", "torch.ao"),
    *("CPU s: calibration", "conversion, compile"),
)
HEADER = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


class Case(NamedTuple):
    """A network in eval mode, batches to calibrate it on, and one that it has not seen."""

    name: str
    model: nn.Module
    batches: list[Any]
    unseen: Any
    plain: nn.Module | None = None
    """What a person would run in floating point, where that is another network."""
    answers: Callable[[list[Tensor]], Tensor] | None = None
    """What results stand for, in a trained network: one answer for each of a batch."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--alone", action="store_true", help="without ONNX Runtime, OpenVINO and torch.ao")


def row(case: Case, options: argparse.Namespace) -> str:
    """How many times faster than fp32 eager each side is, in turns in one process, by the processor's time."""
    start = time.process_time()
    quantized = quantize(case.model, case.batches, allow_unprepared=True, verbose=False)
    calibrated = time.process_time()
    converted = int8.convert(quantized)
    compiled = int8.compile(converted, case.unseen)
    ready = time.process_time()
    if compiled.program is None:
        print(f"{case.name} is no program: {compiled.reason}", file=sys.stderr)
    plain = case.plain or case.model
    with torch.no_grad():
        exact, given = results(plain(case.unseen)), results(compiled(case.unseen))
    least = min(decibels(*pair) for pair in zip(exact, given, strict=True))
    in_int8 = share(case.model, converted, case.unseen[:1])
    cells = [case.name, f"{100 * in_int8:.1f}%", f"{least:.1f}", _agreement(case, exact, given)]
    cells += _speeds(case, compiled, options)
    return f"| {' | '.join([*cells, f'{calibrated - start:.1f}', f'{ready - calibrated:.1f}'])} |"


def _agreement(case: Case, exact: list[Tensor], given: list[Tensor]) -> str:
    if case.answers is None:
        return ""
    same = case.answers(exact) == case.answers(given)
    return f"{int(same.sum())} of {same.numel()}"


def _speeds(case: Case, compiled: int8.CompiledModel, options: argparse.Namespace) -> Sequence[str]:
    x = case.unseen[: options.batch].clone()
    task = Task(case.model, x, options.threads, case.plain)
    sides: dict[str, Run] = {EAGER: prepare(EAGER, task), OURS: lambda: compiled(x)}
    for name in () if options.alone else PEERS:
        try:
            sides[name] = prepare(name, task)
        except Unavailable as error:
            print(f"{case.name}, {name}: {error}", file=sys.stderr)
    timed = measure(sides, (EAGER,), options.rounds)
    ratios = [f"{timed[name].cpu_ratio:.2f}" if name in timed else "" for name in (OURS, *PEERS)]
    return [f"{1000 * timed[EAGER].seconds:.1f}", *ratios]
