"""Runs that know what earlier ones have found.

An entry is one file: the results for a part of a project, with all that they hang on. It counts only when its digest is
right; anything else is as good as none. It is put in its place whole, so that several processes may use the cache at
once, and all of it may go at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rewriter.cache import plain
from rewriter.cache.entry import Entry, Kept
from rewriter.cache.state import State, digest, names_in
from rewriter.emit.style import formatter_of
from rewriter.files import FileError, read
from rewriter.importer.store import cache_folder, close_to_others
from rewriter.python.import_roots import import_root
from rewriter.results import FileResult
from rewriter.run import Workers, run
from rewriter.settings import PLAIN
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
    keeping = Keeping(state)
    known = keeping.known(files, work)
    new: dict[Path, FileResult] = {}
    found = run([path for path in files if path not in known], job, workers, work)
    for path in files:
        if path not in known:
            new[path] = next(found)
        yield known[path] if path in known else new[path]
    if new and state.still_holds():
        keeping.keep(list(new.values()))
        _forget_oldest()


def _may_remember(job: Job) -> bool:
    """Not where the results hang on more than the sources: the way back and selections; nor where others may write."""
    if job.settings.target == PLAIN or job.settings.selection is not None:
        return False
    try:
        return close_to_others(cache_folder()) is None
    except OSError:
        return False


@dataclass(eq=False)
class Keeping:
    """The entries of one run."""

    state: State
    _entries: dict[Path, Entry] = field(default_factory=dict)
    _importable: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    """By the folder that imports start from."""

    def known(self, files: Sequence[Path], work: Work) -> dict[Path, FileResult]:
        for task in work.tasks(files):
            part = work.parts[task.part]
            entry = Entry.of(_folder() / f"{self.state.key(part)}.lines", part, work.imports)
            entry.hand_over()
            self._entries.update(dict.fromkeys(task.files, entry))
        return {path: result for path in files if (result := self._result(path)) is not None}

    def _result(self, path: Path) -> FileResult | None:
        kept = self._entries[path].results.get(str(path))
        if kept is None:
            return None
        try:
            before = read(path)
            if kept.own == self._own(path, before):
                return plain.read(path, before, json.loads(kept.content))
        except (FileError, ValueError, KeyError, TypeError):
            pass
        return None

    def _own(self, path: Path, content: bytes) -> str:
        """Of what a result hangs on besides other files' texts: its own, how it is laid out, its imports, patterns."""
        settings = self.state.work.job.settings
        layout = "" if settings.isolated else repr(formatter_of(path))
        named = settings.per_file_ignores or settings.baseline
        real = str(path.resolve()) if named else ""
        root = import_root(path.absolute())
        if root not in self._importable:
            self._importable[root] = names_in(root)
        around = repr((layout, real, self._importable[root]))
        return digest(around.encode("utf-8", "surrogateescape") + content)

    def keep(self, results: Sequence[FileResult]) -> None:
        """Keeps what was found, unless what it hangs on beyond the project has changed since."""
        for entry in {id(entry): entry for entry in self._entries.values()}.values():
            mine = [result for result in results if self._entries[result.path] is entry]
            entry.take(result.noted for result in mine if result.noted is not None)
            for result in mine:
                bits = entry.bits_of(result.noted) if result.noted is not None else None
                if bits is not None and plain.may_be_kept(result):
                    content = json.dumps(plain.plain(result)).encode()
                    entry.results[str(result.path)] = Kept(bits, self._own(result.path, result.before), content)
            if mine and not any(map(self._is_new, entry.beyond())):
                entry.save()

    def _is_new(self, path: Path) -> bool:
        with contextlib.suppress(OSError):
            return path.stat().st_mtime_ns >= self.state.since
        return False


def _folder() -> Path:
    return cache_folder() / "results"


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
