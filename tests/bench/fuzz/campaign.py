"""Many programs, one after the other: what one worker does with a stretch of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from tests.bench.fuzz.layouts import generated
from tests.bench.fuzz.minimize import minimized
from tests.bench.fuzz.program import Program
from tests.bench.fuzz.trial import Outcome, tried

OF_NO_TENSOR = "Errors about what is not a tensor"
"""The heading in docs/what-changes.md under which the kind of error may be another one."""


def tried_all(
    seeds: Sequence[int], without: Sequence[str] = (), ignored: Sequence[str] = ()
) -> list[tuple[int, Outcome]]:
    torch.set_num_threads(1)
    return [(seed, judged(seed, without, ignored)) for seed in seeds]


def judged(seed: int, without: Sequence[str] = (), ignored: Sequence[str] = ()) -> Outcome:
    """How the program of that number ends, and whether the documentation says so."""
    outcome = _judged(seed, without, ignored)
    if outcome.is_fault and "AttributeError: _ object has no attribute _ TypeError: " in outcome.where:
        return replace(outcome, hazards=(OF_NO_TENSOR,))
    return outcome


def _judged(seed: int, without: Sequence[str], ignored: Sequence[str]) -> Outcome:
    program = generated(seed, without)
    if program.hazards:
        outcome = tried(program, ignored, repeats=0)
        if outcome.kind != "differs":
            return outcome
        if not tried(generated(seed, without, spared=True), ignored).is_fault:
            return replace(outcome, hazards=program.hazards)
    return tried(program, ignored)


def keep(
    seed: int, without: Sequence[str], outcome: Outcome, folder: Path, seconds: float, ignored: Sequence[str]
) -> None:
    """Writes the program, made small, to a file of the folder."""
    torch.set_num_threads(1)
    program = minimized(generated(seed, without), outcome, seconds, ignored)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed_{seed}.py").write_text(report(program, outcome))


def report(program: Program, outcome: Outcome) -> str:
    documented = [f"documented: {heading}" for heading in dict.fromkeys(outcome.hazards)]
    comment = [f"{outcome.kind}: {outcome.where}", *documented, *outcome.detail.splitlines()]
    return "".join(f"# {line}\n" for line in comment) + program.listing()
