"""Reading TOML with Python's own module, or what stands for it before Python 3.11."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ERRORS = (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError)
"""What reading a file may raise, besides a RecursionError for one that is nested too deeply."""


def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    return document
