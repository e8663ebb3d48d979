"""What `fix` has written, on disk: the way back, which the new source alone does not know.

`out.add_(x)` and `out += x` become the same call of the same module, and so do `F.relu(x)` and `x.relu()`; brackets and
line breaks are gone. An entry holds the text that was, and each edit with the findings that needed it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewriter.files import FileError, put
from rewriter.importer.store import cache_folder
from rewriter.python.source import Text, decode
from rewriter.results import FileResult

_MOST_OF_A_FILE = 50
"""How many entries of one file are kept."""


@dataclass(frozen=True)
class Written:
    """One stretch that `fix` wrote: where it stands in the new text, and what stood there."""

    start: int
    end: int
    old: str
    findings: tuple[int, ...]
    """Which of the entry's findings need it; none for imports, which several share."""


@dataclass(frozen=True)
class Entry:
    """One file that was written once."""

    before: str
    after: str
    written: tuple[Written, ...]
    findings: tuple[tuple[str, str], ...]
    """Code and message of each finding."""


def keep(result: FileResult, path: Path) -> None:
    """Takes note of what was written to `path`. Where that cannot be, the way back is by meaning alone."""
    if not result.edits:
        return
    entry = entry_of(result)
    body = json.dumps(_plain(entry)).encode()
    name = _digest(body)
    with suppress(FileError):
        put(_folder() / f"{name}.json", body)
        _add(_of_path(path), name)
        _add(_of_text(entry.after), name)


def entries(path: Path, text: str) -> Iterator[Entry]:
    """The entries of a file, newest first; then those of any file that had this very text afterwards."""
    names = [*reversed(_names(_of_path(path))), *reversed(_names(_of_text(text)))]
    for name in dict.fromkeys(names):
        with suppress(OSError, ValueError, KeyError, TypeError):
            body = (_folder() / f"{name}.json").read_bytes()
            if _digest(body) == name:
                yield _read(json.loads(body))


def entry_of(result: FileResult) -> Entry:
    (text, *_), (after, *_) = decode(result.before), decode(result.after)
    before = Text(text)
    written: list[Written] = []
    moved = 0
    for edit in result.edits:
        start = before.line_end(edit.span.line - 1) + edit.span.column
        end = before.line_end(edit.span.end_line - 1) + edit.span.end_column
        begins = start + moved
        written.append(Written(begins, begins + len(edit.text), before.text[start:end], edit.findings))
        moved += len(edit.text) - (end - start)
    return Entry(before.text, after, tuple(written), tuple((f.code, f.message) for f in result.findings))


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "before": entry.before,
        "after": entry.after,
        "written": [[w.start, w.end, w.old, list(w.findings)] for w in entry.written],
        "findings": entry.findings,
    }


def _read(known: dict[str, Any]) -> Entry:
    written = tuple(Written(start, end, old, tuple(found)) for start, end, old, found in known["written"])
    return Entry(known["before"], known["after"], written, tuple((c, m) for c, m in known["findings"]))


def _folder() -> Path:
    return cache_folder() / "written"


def _of_path(path: Path) -> Path:
    return _folder() / f"path-{_digest(str(path.resolve()).encode())}"


def _of_text(text: str) -> Path:
    return _folder() / f"text-{_digest(text.encode())}"


def _names(index: Path) -> list[str]:
    try:
        return index.read_text().split()
    except (OSError, UnicodeDecodeError):
        return []


def _add(index: Path, name: str) -> None:
    names = [*(known for known in _names(index) if known != name), name]
    put(index, "\n".join(names[-_MOST_OF_A_FILE:]).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
