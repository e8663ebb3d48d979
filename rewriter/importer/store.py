"""What was rewritten before, on disk: `<cache>/<key>/torchvision/models/resnet.py`, and what was found, beside it.

An entry is written whole or not at all, and counts only when its digests are right; anything else is as good as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rewriter.files import put
from rewriter.results import FileResult, Finding, Refusal, Safety, Span

_LISTS = ("findings", "refusals", "suppressed")


def cache_folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".cache") / "rewriter"


def close_to_others(folder: Path) -> str | None:
    """Makes the folder, for this user alone; or why code that stands in it cannot be trusted."""
    if not hasattr(os, "getuid"):  # Windows gives each user a folder of his own
        return None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = folder.stat()
    if known.st_uid != os.getuid():
        return f"{folder} belongs to another user"
    if known.st_mode & 0o022:
        return f"{folder} can be written by other users; close it with: chmod go-w {folder}"
    folder.chmod(0o700)
    return None


@dataclass(frozen=True)
class Store:
    """The entries for one state of one package."""

    folder: Path

    def source(self, place: str) -> Path:
        """Where the rewritten source of a file stands, for Python to run and for people to read."""
        return self.folder / place

    def load(self, place: str, path: Path, before: bytes) -> FileResult | None:
        try:
            digest, _, body = self._facts(place).read_bytes().partition(b"\n")
            if digest != _digest(body):
                return None
            known = json.loads(body)
            after = self.source(place).read_bytes() if known["after"] else before
            if known["after"] and known["after"].encode() != _digest(after):
                return None
            return _result(path, before, after, known)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, place: str, result: FileResult) -> None:
        """Keeps a result. The source comes first: while the facts are missing, nobody looks at it."""
        if result.changed:
            put(self.source(place), result.after)
        body = json.dumps(_plain(result)).encode()
        put(self._facts(place), _digest(body) + b"\n" + body)

    def _facts(self, place: str) -> Path:
        return self.folder / f"{place}.json"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()


def _plain(result: FileResult) -> dict[str, Any]:
    return {
        "after": _digest(result.after).decode() if result.changed else None,
        **{name: [_item(item) for item in getattr(result, name)] for name in _LISTS},
    }


def _item(item: Finding | Refusal) -> dict[str, Any]:
    plain = {"kind": type(item).__name__, **asdict(item)}
    if isinstance(item, Finding):
        plain["safety"] = item.safety.value
    return plain


def _read(item: dict[str, Any]) -> Finding | Refusal:
    values = {**item, "span": Span(**item["span"])}
    if values.pop("kind") == "Refusal":
        return Refusal(**values)
    return Finding(**{**values, "safety": Safety(values["safety"])})


def _result(path: Path, before: bytes, after: bytes, known: dict[str, Any]) -> FileResult:
    lists: dict[str, Any] = {name: tuple(_read(item) for item in known[name]) for name in _LISTS}
    return FileResult(path, before, after, **lists)
