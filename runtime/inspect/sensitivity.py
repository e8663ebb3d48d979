"""How much pruning one weight at a time costs, level by level: which layers bear it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from runtime.schedule.groups import group_norms, lowest_groups
from runtime.schedule.pruners.elements import smallest_elements

Progress = Callable[["Sensitivity", int, int], None]
"""Is told each result, and which of how many it is."""
LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)


class Sensitivity(NamedTuple):
    """What `evaluate` returned with one weight pruned to one level."""

    weight: str
    level: float
    score: float


def sensitivity_to_pruning(
    model: nn.Module,
    evaluate: Callable[[nn.Module], float],
    levels: Sequence[float] = LEVELS,
    weights: Iterable[str] | None = None,
    group: str = "elements",
    path: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Sensitivity]:
    """Prunes each weight by itself to each level, and puts it back; the model is as before.

    `group` is "elements", or a structure such as "Filters". With `path` each result is written to a CSV file at once,
    and what stands there already is not measured again.
    """
    chosen = _chosen(model, weights, group)
    wanted = [(name, level) for name in chosen for level in sorted(levels)]
    known = _read(path)
    found = []
    for number, (name, level) in enumerate(wanted, start=1):
        score = known.get((name, level))
        if score is None:
            with _pruned(chosen[name], level, group):
                score = float(evaluate(model))
            _append(path, Sensitivity(name, level, score))
        found.append(Sensitivity(name, level, score))
        if progress is not None:
            progress(found[-1], number, len(wanted))
    return found


def _chosen(model: nn.Module, weights: Iterable[str] | None, group: str) -> dict[str, nn.Parameter]:
    least = 2 if group in ("elements", "Rows", "Cols") else 3
    parameters = dict(model.named_parameters())
    if weights is None:
        return {name: p for name, p in parameters.items() if p.dim() >= least}
    names = list(weights)
    unknown = [name for name in names if name not in parameters]
    if unknown:
        raise ValueError(f"the model has no parameters {', '.join(unknown)}")
    return {name: parameters[name] for name in names}


@contextmanager
def _pruned(weight: nn.Parameter, level: float, group: str) -> Iterator[None]:
    before = weight.detach().clone()
    if group == "elements":
        kept = smallest_elements(before, level)
    else:
        kept = lowest_groups(group_norms(before, group, 1), level)
    with torch.no_grad():
        weight.masked_fill_(~kept, 0.0)
    try:
        yield
    finally:
        with torch.no_grad():
            weight.copy_(before)


def _read(path: str | Path | None) -> dict[tuple[str, float], float]:
    if path is None or not Path(path).exists():
        return {}
    text = Path(path).read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # a line was being written when the run was stopped
        Path(path).write_text(whole)
    try:
        return {(name, float(level)): float(score) for name, level, score in csv.reader(whole.splitlines())}
    except ValueError as error:
        raise ValueError(f"{path} holds no sensitivities: expected lines of weight,level,score") from error


def _append(path: str | Path | None, row: Sensitivity) -> None:
    if path is None:
        return
    with Path(path).open("a", newline="") as target:
        csv.writer(target, lineterminator="\n").writerow([row.weight, repr(row.level), repr(row.score)])
