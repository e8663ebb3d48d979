"""Notes which kinds of values go by.

A kind that is new at a place is written to a file at once, and its count whenever it has doubled: so the evidence of a
process that is killed is all there, but for the last half of a count. The file is open for no longer than the writing
takes, and every process has its own.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from .kinds import Key, key_of, shown

NAME = "__rewriter_saw__"
"""What instrumented code calls, among Python's builtins."""
MOST_KEYS = 16
"""How many kinds and shapes are told apart at a place; of what comes later, the kind alone."""


def _never() -> bool:
    return False


is_compiling: Callable[[], bool] = _never
"""Whether torch is compiling the code that asks: then nothing is noted, and nothing of the recorder is compiled in."""


def compilers_come() -> None:
    global is_compiling
    is_compiling = sys.modules["torch"].compiler.is_compiling


class Recorder:
    def __init__(self, folder: str, places: int) -> None:
        self.folder = folder
        self.seen: list[dict[Key, itertools.count[int]]] = [{} for _ in range(places)]
        self.file = ""
        self._start()
        atexit.register(self._write_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        """A process that is forked has seen nothing yet."""
        for keys in self.seen:
            keys.clear()
        self.file = os.path.join(self.folder, f"{os.getpid()}-{time.time_ns()}.jsonl")

    def saw(self, place: int, value: Any) -> Any:
        """The value, whatever else happens."""
        if is_compiling():
            return value
        try:
            keys = self.seen[place]
            key = key_of(value)
            counter = keys.get(key)
            if counter is None:
                if len(keys) >= MOST_KEYS:
                    key = (key[0], None)
                counter = keys.setdefault(key, itertools.count(1))
            count = next(counter)
            if not count & (count - 1):
                self._write([(place, key, count)])
        except Exception:
            pass
        return value

    def _write_all(self) -> None:
        self._write([(p, key, next(n) - 1) for p, keys in enumerate(self.seen) for key, n in list(keys.items())])

    def _write(self, counts: list[tuple[int, Key, int]]) -> None:
        lines = "".join(f"{json.dumps([place, *shown(key), count])}\n" for place, key, count in counts)
        if not lines:
            return
        try:
            file = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return
        try:
            os.write(file, lines.encode())
        except OSError:
            pass
        finally:
            os.close(file)
