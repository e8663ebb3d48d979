"""A patch that `git apply` takes, byte for byte."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rewriter.results import FileResult

_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_NEEDS_QUOTES = re.compile(rb'[\x00-\x1f"\\\x7f]')


def patch(results: Sequence[FileResult]) -> bytes:
    return b"".join(piece for result in results if result.changed for piece in _one(result))


def _one(result: FileResult) -> Iterator[bytes]:
    path = os.fsencode(_patch_path(result.path))
    old, new = _quoted(b"a/" + path), _quoted(b"b/" + path)
    yield b"diff --git %b %b\n" % (old, new)
    # Bytes pass through difflib as Latin-1 text, which maps each byte to one character and back.
    before, after = ([line.decode("latin-1") for line in _LINE.findall(side)] for side in (result.before, result.after))
    hunks = list(difflib.unified_diff(before, after))[2:]
    end = b"\t\n" if b" " in path else b"\n"  # without the tab, patch programs take what follows a space for a date
    yield b"--- " + old + end
    yield b"+++ " + new + end
    for line in hunks:
        yield line.encode("latin-1")
        if not line.endswith("\n"):
            yield b"\n\\ No newline at end of file\n"


def _quoted(name: bytes) -> bytes:
    """As git writes names that hold quotes, backslashes or control characters."""
    if not _NEEDS_QUOTES.search(name):
        return name
    return b'"' + _NEEDS_QUOTES.sub(lambda match: b"\\%03o" % match.group()[0], name) + b'"'


def _patch_path(path: Path) -> str:
    """Relative to the top of the repository, or else to the current folder, as git wants it."""
    absolute = path.absolute()
    for folder in absolute.parents:
        if (folder / ".git").exists():
            return absolute.relative_to(folder).as_posix()
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else Path(path.name)).as_posix()
