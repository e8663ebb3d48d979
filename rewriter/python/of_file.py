"""Questions that a file answers by itself: what is known of its text may be kept beyond the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewriter.python.answers import Answer, Lasting
from rewriter.python.code import File


@dataclass(frozen=True, eq=False)
class OfFile(Lasting[Path, Answer]):
    """What a file says by itself."""

    find: Callable[[File], Answer] = field(kw_only=True)
    absent: Answer = field(kw_only=True)
    """Said of what is not a file that can be parsed."""
    asks_names: bool = field(default=False, kw_only=True)
    """It hangs on what names of the file mean, and so on the modules that it imports all names of."""

    def __post_init__(self) -> None:
        OF_FILES[self.text] = self


OF_FILES: dict[str, OfFile[Any]] = {}
"""All of these questions, by their text."""
