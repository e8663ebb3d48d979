"""`python -m runtime bench MODEL`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runtime.int8.bench.rounds import Measured, measure
from runtime.int8.bench.sides import COMPILED, EAGER, OURS, SIDES, Run, Task, Unavailable, compile_ours, prepare
from runtime.int8.plan import Timing
from runtime.quantization.inputs import explained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="package.module:name or file.py:name, a model or a function that makes one")
    parser.add_argument("--input", default="1x3x224x224", help="the shape of its input (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="how many may work (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each side (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="SIDES", help=f"some of: {', '.join(SIDES)}; with commas")
    parser.add_argument("--profile", action="store_true", help="how long each operation of ours takes")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="the same for Chrome's about:tracing or Perfetto")


def run(options: argparse.Namespace) -> int:
    try:
        shape, names = shape_of(options.input), sides_of(options.only)
        task = Task(find_model(options.model).eval(), seeded(shape), options.threads)
        _check_runs(task)
    except (ValueError, ImportError, AttributeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    found = compare(task, names, options.rounds)
    print(table(found))
    if options.profile or options.trace:
        timings = _profile(task)
        print(f"\n{profile_table(timings)}")
        if options.trace:
            options.trace.write_text(json.dumps(chrome_trace(timings)))
    return 0 if isinstance(found.get(OURS, ""), Measured) or OURS not in names else 1


def shape_of(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split("x")]
    except ValueError:
        raise ValueError(f"--input is sizes with x between them, as 8x3x32x32, not {text!r}") from None


def seeded(shape: Sequence[int]) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(shape)


def sides_of(text: str) -> list[str]:
    """What is measured, in order; torch in floating point always."""
    wanted = [name.strip() for name in text.split(",")] if text else list(SIDES)
    unknown = [name for name in wanted if name not in SIDES]
    if unknown:
        raise ValueError(f"--only knows no {', '.join(map(repr, unknown))}; there are {', '.join(map(repr, SIDES))}")
    return [name for name in SIDES if name == EAGER or name in wanted]


def _check_runs(task: Task) -> None:
    with torch.no_grad(), explained(task.model, task.example, "--input"):
        task.model(task.example)


def find_model(place: str) -> nn.Module:
    """What a package or a file calls by this name; a function or class is called without arguments."""
    source, _, name = place.rpartition(":")
    if not source or not name:
        raise ValueError(f"a model is named as package.module:name or path/to/file.py:name, not {place!r}")
    if source.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(source).stem, source)
        if spec is None or spec.loader is None or not Path(source).exists():
            raise ValueError(f"there is no file {source!r}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(source)
    found: Any = getattr(module, name)
    made = found if isinstance(found, nn.Module) else found()
    if not isinstance(made, nn.Module):
        raise ValueError(f"{place} returns {type(made).__name__}, which is not a torch.nn.Module")
    return made


def compare(task: Task, names: Sequence[str], rounds: int) -> dict[str, Measured | str]:
    """What was measured of each side, or why it was not."""
    found: dict[str, Measured | str] = {}
    ready: dict[str, Run] = {}
    for name in names:
        try:
            ready[name] = prepare(name, task)
        except Unavailable as error:
            found[name] = str(error)
    torch.set_num_threads(task.threads)
    found.update(measure(ready, (EAGER, COMPILED), rounds))
    return {name: found[name] for name in names}


def table(found: dict[str, Measured | str]) -> str:
    """The median of each side, and how many times faster than torch in floating point it is in the same round."""
    width = max(map(len, found))
    lines = [f"{'':<{width}}  {'ms':>9}  {'x eager':>7}  {'x best fp32':>11}  {'x eager, CPU time':>17}"]
    for name, result in found.items():
        shown = f"{'-':>9}  {result}"
        if isinstance(result, Measured):
            shown = (
                f"{result.seconds * 1e3:9.2f}  {result.ratio:7.2f}  {result.best_ratio:11.2f}  {result.cpu_ratio:17.2f}"
            )
        lines.append(f"{name:<{width}}  {shown}")
    return "\n".join(lines)


def _profile(task: Task) -> list[Timing]:
    """Of the fastest of some runs."""
    program = compile_ours(task)
    torch.set_num_threads(task.threads)
    return min((program.profile(task.example) for _ in range(10)), key=lambda ts: sum(t.nanoseconds for t in ts))


def profile_table(timings: Sequence[Timing]) -> str:
    """Each operation, then the kinds of operations."""
    whole = sum(timing.nanoseconds for timing in timings)
    width = max((len(timing.layer) for timing in timings), default=5)
    lines = [f"{'layer':<{width}}  {'us':>9}  {'%':>5}  operation"]
    for timing in timings:
        lines.append(_row(timing.layer, width, timing.nanoseconds, whole, timing.op))
    kinds: Counter[str] = Counter()
    for timing in timings:
        kinds[timing.op] += timing.nanoseconds
    lines += ["", *(_row("", width, nanoseconds, whole, op) for op, nanoseconds in kinds.most_common())]
    return "\n".join([*lines, _row("all", width, whole, whole, "")]).rstrip()


def _row(layer: str, width: int, nanoseconds: int, whole: int, op: str) -> str:
    return f"{layer:<{width}}  {nanoseconds / 1e3:9.1f}  {100 * nanoseconds / max(whole, 1):5.1f}  {op}"


def chrome_trace(timings: Sequence[Timing]) -> dict[str, Any]:
    """One event a step, one after the other."""
    events, start = [], 0.0
    for timing in timings:
        took = timing.nanoseconds / 1e3
        name = timing.layer or timing.op
        place = {"name": name, "cat": timing.op, "ph": "X", "pid": 0, "tid": 0}
        events.append({**place, "ts": start, "dur": took, "args": {"operation": timing.op}})
        start += took
    return {"traceEvents": events, "displayTimeUnit": "ms"}
