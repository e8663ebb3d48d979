"""Measurements that take long are written down one by one, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[str, float, int, int], None]
"""Is told what was measured, the number, and which of how many it is."""


class Journal:
    """Numbers by what they were measured of, in a CSV file; without a path, in memory alone."""

    def __init__(self, path: str | Path | None, total: int, progress: Progress | None) -> None:
        self._path = None if path is None else Path(path)
        self._total, self._progress, self._done = total, progress, 0
        self._known = self._read()

    def measured(self, what: str, measure: Callable[[], float]) -> float:
        """The number that stands there, or what `measure()` returns."""
        self._done += 1
        if what not in self._known:
            self._known[what] = float(measure())
            if self._path is not None:
                with self._path.open("a", newline="") as target:
                    csv.writer(target, lineterminator="\n").writerow([what, repr(self._known[what])])
        number = self._known[what]
        if self._progress is not None:
            self._progress(what, number, self._done, max(self._total, self._done))
        return number

    def _read(self) -> dict[str, float]:
        if self._path is None or not self._path.exists():
            return {}
        text = self._path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # a line was being written when the run was stopped
            self._path.write_text(whole)
        try:
            return {what: float(number) for what, number in csv.reader(whole.splitlines())}
        except ValueError as error:
            raise ValueError(f"{self._path} holds no measurements: expected lines of a name and a number") from error
