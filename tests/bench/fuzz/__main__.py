"""Rewrites generated programs and runs them before and after.

python -m tests.bench.fuzz [--count 1000] [--minutes 10] [--seed 0] [-j 2] [--out DIR] [--show SEED]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rewriter.pool import end_with_parent
from tests.bench.fuzz.campaign import judged, keep, report, tried_all
from tests.bench.fuzz.layouts import generated
from tests.bench.fuzz.minimize import SECONDS
from tests.bench.fuzz.trial import Outcome

# docs/what-changes.md, 'Whole models in old files': such a model has no new modules.
OF_OLD_FILES = ("older pickle",)
STRETCH = 25
# Programs leave classes in torch's caches: a worker has so many stretches, then there is a new one.
STRETCHES_A_WORKER = 40
COUNTED = (
    "made",
    "same",
    "unchanged",
    "documented",
    "differs",
    "failed",
    "unstable",
    "discarded",
    "raising",
    "findings",
    "refusals",
)


def main(argv: Sequence[str] | None = None) -> int:
    options = _options().parse_args(argv)
    if options.show is not None:
        program = generated(options.show, options.without)
        outcome = judged(options.show, options.without, options.ignore)
        print(report(program, outcome))
        return int(outcome.is_fault)
    counts, faults, started = Counter[str](), Counter[str](), time.monotonic()
    kept: list[tuple[int, Outcome]] = []
    for seed, outcome in _outcomes(options):
        _count(counts, outcome)
        if outcome.is_fault:
            name = f"{outcome.kind}: {outcome.where}"
            faults[name] += 1
            print(f"{seed}: {name}", flush=True)
            if faults[name] <= options.keep:
                kept.append((seed, outcome))
    print(_summary(counts, faults, time.monotonic() - started), flush=True)
    if options.out:
        with pool(options.jobs) as workers:
            for task in [
                workers.submit(keep, s, options.without, o, options.out, options.seconds, options.ignore)
                for s, o in kept
            ]:
                task.result()
    return int(bool(faults))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop then, and say how far it came")
    parser.add_argument("--seed", type=int, default=0, help="the first program; the others follow")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where minimized faults are written")
    parser.add_argument("--keep", type=int, default=2, metavar="N", help="how many of each kind of fault are minimized")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the time for making one smaller")
    parser.add_argument(
        "--without", nargs="*", default=(), metavar="CONSTRUCT", help="constructs or themes to leave out"
    )
    parser.add_argument(
        "--ignore", nargs="*", default=OF_OLD_FILES, metavar="STEP", help="steps whose differences do not count"
    )
    parser.add_argument("--show", type=int, metavar="SEED", help="print one program and how it ends")
    return parser


def _outcomes(options: argparse.Namespace) -> Iterator[tuple[int, Outcome]]:
    seeds = range(options.seed, options.seed + options.count)
    until = time.monotonic() + 60 * options.minutes
    waiting = [seeds[start : start + STRETCH] for start in range(0, len(seeds), STRETCH)]
    while waiting:
        with pool(options.jobs) as workers:
            # A pool that replaces its workers by itself stands still in Python 3.11.
            some = waiting[: STRETCHES_A_WORKER * options.jobs]
            tasks = {workers.submit(tried_all, stretch, options.without, options.ignore): stretch for stretch in some}
            for task, stretch in tasks.items():
                try:
                    yield from task.result()
                except BrokenProcessPool:
                    print(f"a worker died at or beside {stretch.start} to {stretch.stop - 1}", flush=True)
                    waiting.remove(stretch)
                    break
                waiting.remove(stretch)
                if time.monotonic() > until:
                    workers.shutdown(cancel_futures=True)
                    return


def pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=end_with_parent)


def _count(counts: Counter[str], outcome: Outcome) -> None:
    counts["made"] += 1
    counts["documented" if outcome.hazards else outcome.kind] += 1
    counts.update(f"documented: {heading}" for heading in dict.fromkeys(outcome.hazards))
    counts["findings"] += outcome.findings
    counts["refusals"] += outcome.refusals
    counts["raising"] += outcome.raises
    if outcome.kind == "discarded":
        counts[f"discarded: {outcome.where}"] += 1


def _summary(counts: Counter[str], faults: Counter[str], seconds: float) -> str:
    lines = [", ".join(f"{counts[name]} {name}" for name in COUNTED) + f", in {seconds:.0f} s"]
    lines += [f"  {count} {name}" for name, count in counts.items() if name.startswith(("discarded: ", "documented: "))]
    lines += [f"  {count} {name}" for name, count in faults.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
