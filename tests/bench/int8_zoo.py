"""Whole networks from libraries: what becomes of each when it is quantized, converted and compiled.

    python -m tests.bench.int8_zoo CASES --site DIR [--site DIR] [--only NAME,NAME] [--seconds 400]

CASES is a JSON list of {"name", "setup", "model", "inputs"}, Python source each; the folders hold libraries as `rewriter`
has rewritten them. Each network has random weights and a process of its own. One row of a table each: how many modules
run in int8, in floating point and not at all, how many give real numbers for a way not taken, what was compiled (any
batch, or why not), how much signal there is to the difference between program and converted model, between a batch and the same
one after another, and between the converted model and fp32.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from runtime import int8
from runtime.int8 import compiled as compiled_module
from runtime.int8.slices import separable
from runtime.quantization.front_door import quantize
from tests.bench.int8_models import add_site

_SHOWN = 110


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", type=Path)
    parser.add_argument("--site", action="append", default=[])
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=400)
    parser.add_argument("--here", action="store_true", help="in this process, with tracebacks")
    options = parser.parse_args(argv)
    only = options.only.split(",") if options.only else []
    cases = [case for case in json.loads(options.cases.read_text()) if not only or case["name"] in only]
    for case in cases:
        print(_row(case, options.site) if options.here else _apart(case["name"], options), flush=True)
    return 0


def _apart(name: str, options: argparse.Namespace) -> str:
    sites = [argument for site in options.site for argument in ("--site", site)]
    command = [sys.executable, "-m", "tests.bench.int8_zoo", str(options.cases), *sites, "--only", name, "--here"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.seconds)
    except subprocess.TimeoutExpired:
        return f"| {name} | took more than {options.seconds:.0f} s |"
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    if not lines:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return f"| {name} | {_short(last)} |"
    return lines[-1]


def _row(case: dict[str, str], sites: Sequence[str]) -> str:
    for site in sites:
        add_site(site)
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    scope: dict[str, Any] = {"torch": torch, "nn": nn}
    exec(case["setup"], scope)
    model = eval(case["model"], scope).eval()
    given = eval(case["inputs"], scope)
    with torch.no_grad():
        real = model(*given)
    converted = int8.convert(quantize(model, [given], forward=_call, allow_unprepared=True, verbose=False))
    lines = int8.report(converted).lines
    with torch.no_grad():
        expected = converted(*given)
    start = time.process_time()
    compiled = int8.compile(converted, *given)
    took = time.process_time() - start
    became = compiled.reason or (f"this batch: {compiled.fixed}" if compiled.fixed else "any batch")
    cells = (
        case["name"],
        " / ".join(str(sum(line.runs == runs for line in lines)) for runs in ("int8", "float", "idle")),
        sum("did not take" in line.reason for line in lines),
        _short(became),
        _decibels(expected, compiled(*given)),
        _one_by_one(compiled, given),
        _decibels(real, expected),
        f"{took:.0f} s",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _one_by_one(compiled: int8.CompiledModel, given: Any) -> str:
    """A batch of three, against the same one after another."""
    if compiled.program is None or not separable(compiled.program):
        return "together"
    three = tree_map_only(Tensor, lambda x: torch.cat([x, x.roll(1, -1), x.flip(-1)]), given)
    together = compiled(*three)
    compiled_module.BUDGET = 1
    alone = int8.CompiledModel(compiled.program, compiled.model)
    return _decibels(together, alone(*three))


def _call(model: nn.Module, batch: Any) -> Any:
    return model(*batch)


def _decibels(wanted: Any, given: Any) -> str:
    pairs = zip(_floats(wanted), _floats(given), strict=True)
    signal = noise = 0.0
    for x, y in pairs:
        signal += float(x.double().square().sum())
        noise += float((x.double() - y.double()).square().sum())
    if noise == 0:
        return "equal"
    return f"{10 * math.log10(signal / noise):.0f} dB" if math.isfinite(noise) and signal else "not finite"


def _floats(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _short(text: str) -> str:
    text = " ".join(text.split()).replace("|", "/")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


if __name__ == "__main__":
    sys.exit(main())
