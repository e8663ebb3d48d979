"""Which codes there are, and which one somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

from rewriter.rules.listing import ALL

CODES = tuple(rule.code for rule in ALL)


def help_page(code: str) -> str | None:
    """The address of what is said of a code, where the distribution names the address of its documentation."""
    known = code in CODES and _documentation()
    return f"{known}/rules/#{code.lower()}" if known else None


@cache
def _documentation() -> str:
    try:
        urls = metadata("torch-rewriter").get_all("Project-URL") or []
    except PackageNotFoundError:  # used from a folder, without an install
        return ""
    named = {name: address for name, _, address in (str(url).partition(", ") for url in urls)}
    return named.get("Documentation", "").rstrip("/")


def unknown(prefixes: Iterable[str]) -> str | None:
    """The first that no code begins with."""
    return next((prefix for prefix in prefixes if not any(code.startswith(prefix) for code in CODES)), None)


def near(code: str) -> str:
    """What may have been meant, for a message: the same in capitals, those of its family, or the families."""
    capitals = code.upper()
    if unknown([capitals]) is None:
        return capitals
    families = sorted({known[:3] for known in CODES})
    family = [known for known in CODES if known[:3] == capitals[:3]]
    return ", ".join(sorted(difflib.get_close_matches(capitals, family, n=6, cutoff=0)) or families)
