"""What a command takes: processor time of all its processes, and the most memory that they had at one moment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY = 0.05


@dataclass(frozen=True)
class Cost:
    seconds: float
    megabytes: int
    """Memory that processes share counts once."""
    said: str


def measured(command: list[str], environment: Mapping[str, str] | None = None) -> Cost:
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=environment)
        peak = 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, sum(map(_kilobytes, _tree(process.pid))))
            time.sleep(LOOK_EVERY)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode not in (0, 1):  # 1: something was found
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        out.seek(0)
        return Cost(ended[2].ru_utime + ended[2].ru_stime, peak // 1024, out.read())


def _tree(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # it has ended meanwhile
            continue
        for child in children:
            yield from _tree(int(child))


def _kilobytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def rewriter(*arguments: str, cache: Path | None = None) -> Cost:
    given = ["--isolated", *([] if cache else ["--no-cache"])]
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    return measured([sys.executable, "-m", "rewriter", arguments[0], "-q", *given, *arguments[1:]], environment)
