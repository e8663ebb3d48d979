"""Runs that know what earlier ones have found.

An entry is one file: the results for one state of a part of a project, and the state of the files beyond it that were
looked for. It counts only when its digest is right and those files are as they were; anything else is as good as none.
It is put in its place whole, so that several processes may use the cache at once, and all of it may go at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewriter.cache import plain
from rewriter.cache.state import State, digest, digest_of, names_in
from rewriter.emit.style import formatter_of
from rewriter.files import FileError, put, read
from rewriter.importer.store import cache_folder, close_to_others
from rewriter.python.file_texts import Texts
from rewriter.python.project import import_root
from rewriter.results import FileResult
from rewriter.run import Workers, run
from rewriter.settings import PLAIN, Settings
from rewriter.work import Job, Work

_MOST_BYTES = 200_000_000
"""Of all entries together; the oldest go first."""


def run_remembering(files: Sequence[Path], job: Job, workers: Workers) -> Iterator[FileResult]:
    """What `run` yields; what is known already is not found out again."""
    if not _may_remember(job):
        yield from run(files, job, workers)
        return
    since = time.time_ns()
    work = Work.of(job)
    state = State.take(work, since)
    entries: dict[Path, Entry] = {}
    for task in work.tasks(files):
        entry = Entry.of(state, work.parts[task.part])
        entries.update(dict.fromkeys(task.files, entry))
    known = {path: result for path in files if (result := entries[path].result(path)) is not None}
    new: dict[Path, FileResult] = {}
    found = run([path for path in files if path not in known], job, workers, work)
    for path in files:
        if path not in known:
            new[path] = next(found)
        yield known[path] if path in known else new[path]
    if new and state.still_holds():
        for entry in {id(entries[path]): entries[path] for path in new}.values():
            entry.add([result for path, result in new.items() if entries[path] is entry])
        _forget_oldest()


def _may_remember(job: Job) -> bool:
    """Not where the results hang on more than the sources: the way back and selections; nor where others may write."""
    if job.settings.target == PLAIN or job.settings.selection is not None:
        return False
    try:
        return close_to_others(cache_folder()) is None
    except OSError:
        return False


@dataclass
class Entry:
    """What is known of one state of a part, under one command and its settings."""

    file: Path
    state: State
    settings: Settings
    asked: dict[str, str | None] = field(default_factory=dict)
    """Files beyond the project, with their digests."""
    files: dict[str, list[Any]] = field(default_factory=dict)
    _importable: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    """By the folder that imports start from."""

    @classmethod
    def of(cls, state: State, part: Texts) -> Entry:
        entry = cls(_folder() / f"{state.key(part)}.json", state, state.work.job.settings)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            entry._load()
        return entry

    def _load(self) -> None:
        right, _, body = self.file.read_bytes().partition(b"\n")
        if digest(body).encode() != right:
            return
        document = json.loads(body)
        if _states(document["asked"]) == document["asked"]:
            self.asked, self.files = document["asked"], document["files"]

    def result(self, path: Path) -> FileResult | None:
        known = self.files.get(str(path))
        if known is None:
            return None
        try:
            before = read(path)
            return plain.read(path, before, known[1]) if known[0] == self._hangs_on(path, before) else None
        except (FileError, ValueError, KeyError, TypeError):
            return None

    def _hangs_on(self, path: Path, content: bytes) -> str:
        """Besides what holds for all files: its text, how it is laid out, its imports, the patterns it falls under."""
        layout = "" if self.settings.isolated else repr(formatter_of(path))
        named = self.settings.per_file_ignores or self.settings.baseline
        real = str(path.resolve()) if named else ""
        root = import_root(path.absolute())
        if root not in self._importable:
            self._importable[root] = names_in(root)
        around = repr((layout, real, self._importable[root]))
        return digest(around.encode("utf-8", "surrogateescape") + content)

    def add(self, results: Sequence[FileResult]) -> None:
        """Keeps what was found, unless what it hangs on has changed; where there is no room, it is found again."""
        kept = [result for result in results if plain.may_be_kept(result)]
        beyond = sorted({path for result in results for path in result.asked})
        if not kept or any(map(self._is_new, beyond)):
            return
        self.asked |= {str(path): digest_of(path) for path in beyond}
        self.files |= {str(r.path): [self._hangs_on(r.path, r.before), plain.plain(r)] for r in kept}
        body = json.dumps({"asked": self.asked, "files": self.files}).encode()
        with contextlib.suppress(FileError, OSError):
            put(self.file, digest(body).encode() + b"\n" + body)

    def _is_new(self, path: Path) -> bool:
        with contextlib.suppress(OSError):
            return path.stat().st_mtime_ns >= self.state.since
        return False


def _folder() -> Path:
    return cache_folder() / "results"


def _states(asked: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: digest_of(Path(name)) for name in asked}


def _forget_oldest() -> None:
    if not _folder().is_dir():
        return
    with os.scandir(_folder()) as found:
        entries = sorted(((e.stat().st_mtime_ns, e.stat().st_size, e.path) for e in found), reverse=True)
    total = 0
    for _, size, name in entries:
        total += size
        if total > _MOST_BYTES:
            Path(name).unlink(missing_ok=True)


def clean() -> None:
    """Removes what was found, and what the import hook has rewritten; what `fix` noted, and kernels, stay."""
    folders = [_folder(), *cache_folder().glob("[0-9a-f]" * 32)]
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
