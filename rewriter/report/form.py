"""Which report is wanted."""

from __future__ import annotations

from dataclasses import dataclass

WITH_EDITS = ("json", "rdjson", "sarif")
"""The formats that say what the new text is."""


@dataclass(frozen=True)
class Form:
    name: str
    """text, json, rdjson, github, sarif or diff."""
    written: bool = False
    """Whether the changes have been made, or only would be."""
    unsafe_fixes: bool = False
    quiet: bool = False
    verbose: bool = False
    statistics: bool = False
    color: bool = False
