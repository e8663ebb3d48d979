"""An engine that notes each file it is given, and dies, fails or waits where the file says so; for tests of the pool."""

from __future__ import annotations

import os
import time
from pathlib import Path

from rewriter.python.project import Project
from rewriter.results import FileResult
from rewriter.settings import Settings


def rewrite(source: bytes, path: Path, settings: Settings, project: Project) -> FileResult:
    with (path.parent / "log").open("a") as log:
        log.write(f"{path.name}\n")
    died = path.parent / "died"
    while b"wait" in source and not died.exists():
        time.sleep(0.01)
    if b"die" in source:
        died.touch()
        os._exit(7)
    if b"raise" in source:
        raise ValueError("a fault")
    return FileResult(path, source, source + b"# seen\n")
