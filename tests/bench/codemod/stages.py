"""Where `fix` spends its time, stage by stage. Run in a process of its own: it puts clocks around the stages."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewriter.emit import write
from rewriter.emit.proof import undo
from rewriter.engine import _Rewrite
from rewriter.files import find
from rewriter.python.source import Source
from rewriter.run import run
from rewriter.settings import Settings
from rewriter.work import Job, Work

spent: Counter[str] = Counter()
_running: list[str] = []


def _shown(stage: str) -> str:
    return f"{stage}, for the proof" if "proof" in _running and stage != "proof" else stage


def clock(owner: Any, name: str, stage: str) -> None:
    """Time in a stage inside another one counts for the inner one."""
    function: Callable[..., Any] = getattr(owner, name)

    def timed(*arguments: Any, **named: Any) -> Any:
        shown = _shown(stage)
        outer = _shown(_running[-1]) if _running else None
        _running.append(stage)
        start = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            taken = time.process_time() - start
            _running.pop()
            spent[shown] += taken
            if outer is not None:
                spent[outer] -= taken

    setattr(owner, name, timed)


def main(paths: list[Path]) -> None:
    settings = Settings(isolated=True)
    start = time.process_time()
    clock(_Rewrite, "_has_changes", "understand")
    clock(_Rewrite, "_proof", "proof")
    clock(undo, "undoes", "undo")
    clock(write, "write", "write")
    clock(Source, "parse", "parse")
    work = Work.of(Job(tuple(paths), settings))
    spent["find and read"] = time.process_time() - start
    for _ in run(find(paths, settings), work.job, 1, work):
        pass
    spent["all"] = time.process_time() - start
    for stage, seconds in spent.most_common():
        print(f"{stage:28} {seconds:7.2f} s")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
