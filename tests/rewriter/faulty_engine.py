"""An engine that dies on one file, for tests of the pool."""

from __future__ import annotations

import os
from pathlib import Path

from rewriter.facts.project import Project
from rewriter.results import FileResult
from rewriter.settings import Settings


def rewrite(source: bytes, path: Path, settings: Settings, project: Project) -> FileResult:
    if b"die" in source:
        os._exit(7)
    if b"raise" in source:
        raise ValueError("a fault")
    return FileResult(path, source, source + b"# seen\n")
