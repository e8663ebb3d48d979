"""One program: rewritten, run before and after, compared."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewriter.results import FileResult
from rewriter.run import run
from rewriter.settings import Settings
from rewriter.work import Job
from tests.bench.fuzz.program import Places, Program
from tests.bench.fuzz.record import OPTIONAL, Record, record

SECONDS = 10
REPEATS = 5  # of an original whose threads may come in any order
WAITING = 30  # times as long by the clock: what waits for itself, as threads may
_MEMORY = Path("/dev/shm")
_NAMES = re.compile(r"'[^']*'|[0-9]+|[A-Z][a-z]+[0-9.]*")
FAULTS = ("differs", "failed", "unstable")


@dataclass(frozen=True)
class Outcome:
    """`kind` is one of same, unchanged, discarded, and the faults: differs, failed, unstable."""

    kind: str
    where: str = ""
    """The first step that differs, or what failed: two outcomes of one class of fault agree in it."""
    detail: str = ""
    findings: int = 0
    refusals: int = 0
    raises: bool = False
    """The original's forward raises."""
    hazards: tuple[str, ...] = ()
    """Where docs/what-changes.md says that it differs: without what it does there, the program is the same."""

    @property
    def is_fault(self) -> bool:
        return self.kind in FAULTS and not self.hazards


class _TooLong(BaseException):
    pass


class _Ended(Exception):
    """The trial has its outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def tried(program: Program, ignored: Sequence[str] = (), repeats: int = REPEATS) -> Outcome:
    """`ignored` names steps whose differences do not count; where one counts, the original is run again."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        try:
            return _tried(program, Path(folder), ignored, repeats)
        except _Ended as end:
            return end.outcome


@contextlib.contextmanager
def _or_too_long(kind: str, what: str) -> Iterator[None]:
    try:
        with _time_limit(SECONDS):
            yield
    except _TooLong:
        raise _Ended(Outcome(kind, f"time: {what}", f"took longer than {SECONDS} s")) from None


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Ends what runs for longer: by the processor's time, so that a busy machine changes nothing, and by the clock."""

    def stop(*_: Any) -> None:
        raise _TooLong

    limits = ((signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, seconds * WAITING))
    earlier = [signal.signal(number, stop) for number, _, _ in limits]
    for _, timer, limit in limits:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(limits, earlier, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def _tried(program: Program, folder: Path, ignored: Sequence[str], repeats: int) -> Outcome:
    _discard_without_syntax(program)
    before = program.put(folder / "before")
    after = Places(folder / "after/run", folder / "after/outside")
    shutil.copytree(folder / "before", folder / "after")
    with _or_too_long("failed", "rewriting"):
        results = _rewritten_for_good(program, after)
    counts = sum(len(r.findings) for r in results), sum(len(r.refusals) for r in results)
    if not any(r.changed for r in results):
        return Outcome("unchanged", "", "", *counts)
    with _or_too_long("discarded", "the original"):
        original = record(before, program, ignored)
    if not original.built:
        return Outcome("discarded", "build", str(original.raised("import") or original.raised("make")), *counts)
    with _or_too_long("differs", "the rewritten program"):
        new = record(after, program, ignored, original.pickled)
    if (step := _first_difference(original, new, ignored)) is None:
        return Outcome("same", "", "", *counts, raises="raised" in repr(original.seen["eval"][0][1][0]))
    for _ in range(repeats):
        with _or_too_long("discarded", "the original"):
            repeated = record(before, program, ignored, original.pickled)
        if _first_difference(original, repeated) is not None:
            return Outcome("discarded", "not deterministic", step, *counts)
    return Outcome("differs", *_told(step, original, new), *counts)


def _discard_without_syntax(program: Program) -> None:
    for name, text in program.files.items():
        try:
            compile(text, name, "exec")
        except SyntaxError as error:
            raise _Ended(Outcome("discarded", "syntax", str(error))) from None


def _rewritten_for_good(program: Program, places: Places) -> Sequence[FileResult]:
    """The files' results, where none failed and a second run finds nothing to do."""
    results = _rewritten(places, program.given)
    for failure in (r.failure for r in results if r.failure is not None):
        raise _Ended(Outcome("failed", f"{failure.kind}: {failure.message}"[:60], failure.message))
    # One file alone is run again by the rewriter itself before it is written.
    if len(results) > 1 and any(r.changed or r.failure for r in _rewritten(places, program.given)):
        raise _Ended(Outcome("unstable", "second run", "a second run changes a file again"))
    return results


def _rewritten(places: Places, given: Sequence[str]) -> Sequence[FileResult]:
    """What the command line does with the folder, or with files of it: all are read before the first is written."""
    files = sorted(places.run / name for name in given) or sorted(places.run.glob("*.py"))
    roots = tuple(files) if given else (places.run,)
    results = list(run(files, Job(roots, Settings(root=places.run)), workers=1))
    for result in results:
        result.path.write_bytes(result.after)
    return results


def _first_difference(original: Record, new: Record, ignored: Sequence[str] = ()) -> str | None:
    for step, seen in original.seen.items():
        may_fail = step in OPTIONAL and original.raised(step) is not None
        if step not in ignored and not may_fail and new.seen.get(step) != seen:
            return step
    return None


def _told(step: str, original: Record, new: Record) -> tuple[str, str]:
    """Which part of a step differs, and both sides of it."""
    before, after = original.seen[step], new.seen.get(step)
    if after is None:
        return step, "this step was not reached"
    for part, one, other in zip(("value", "prints", "random state"), before, after, strict=True):
        if one != other:
            names, one, other = _inside(one, other)
            where = " ".join([step.removesuffix(" again"), part, *names])
            raised = [_error(side) for side in (one, other) if isinstance(side, tuple) and side[:1] == ("raised",)]
            return " ".join([where, *raised]), f"before: {_short(one)}\nafter:  {_short(other)}"
    raise AssertionError("the step is the same")


def _inside(one: Any, other: Any) -> tuple[list[str], Any, Any]:
    """Follows the first difference down to the named item of a dict that holds it."""
    if isinstance(one, tuple) and isinstance(other, tuple) and one[:1] == other[:1] == ("dict",):
        for (key, value), (_, new) in zip(one[1], other[1], strict=False):
            if value != new:
                return [key[1]], value, new
    return [], one, other


def _error(raised: tuple[str, str, str]) -> str:
    """The kind of error, without the names and numbers of this program."""
    return f"{raised[1]}: {_NAMES.sub('_', ' '.join(raised[2].split()))[:80]}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 600 else f"{text[:600]}..."
