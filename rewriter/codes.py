"""Which codes there are, and which one somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rewriter.rules.listing import ALL

CODES = tuple(rule.code for rule in ALL)


def unknown(prefixes: Iterable[str]) -> str | None:
    """The first that no code begins with."""
    return next((prefix for prefix in prefixes if not any(code.startswith(prefix) for code in CODES)), None)


def near(code: str) -> str:
    """A few codes that look like it, best first, for a message; all families where none does."""
    code = code.upper()
    alike = difflib.get_close_matches(code, CODES, n=3, cutoff=0.75)
    family = [known for known in CODES if len(code) > 2 and known.startswith(code[:3])]
    chosen = list(dict.fromkeys([*alike, *family]))[:4]
    return ", ".join(chosen or dict.fromkeys(known[:3] for known in CODES))
