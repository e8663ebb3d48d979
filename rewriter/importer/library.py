"""Source files as they are imported: rewritten now, or found in the cache."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from rewriter.files import FileError, temporary_folder
from rewriter.importer.snapshot import Snapshot, top_of
from rewriter.importer.store import Store, cache_folder, close_to_others
from rewriter.results import FileResult
from rewriter.settings import Settings


class RewriteWarning(UserWarning):
    """Something is imported as it is, though it belongs to what was asked to be rewritten."""


@dataclass(eq=False)
class Library:
    """The files of some packages, by what they become."""

    settings: Settings
    results: dict[str, FileResult] = field(default_factory=dict)
    """By module name, for every file that was asked for."""
    _snapshots: dict[Path, Snapshot] = field(default_factory=dict)
    _cache: Path = field(default_factory=cache_folder)
    _is_trusted: bool = False
    """It has been asked who may write there."""
    _lock: Lock = field(default_factory=Lock)

    def rewritten(self, module: str, path: Path) -> Path | None:
        """The file that holds the rewritten source of a module; None where the module's own is to be run."""
        problems: list[str] = []
        with self._lock:
            try:
                source = self._rewritten(module, path, problems)
            except (OSError, FileError, RuntimeError) as error:  # no room for a copy; no thread when Python is ending
                source = None
                problems.append(f"{path} is imported as it is: {error}")
        for problem in problems:
            warnings.warn(problem, RewriteWarning, stacklevel=3)  # at the import statement, behind the loader
        return source

    def _rewritten(self, module: str, path: Path, problems: list[str]) -> Path | None:
        snapshot = self._snapshot(top_of(module, path), path)
        place = snapshot.place(path)
        if not snapshot.wants(place):
            return None
        store = Store(self._trusted_cache(problems) / snapshot.key)
        result = store.load(place, path, snapshot.files[place])
        if result is None:
            result = snapshot.rewrite(place, path)
            if result.failure is None:  # a failure may lie in the circumstances
                store = self._save(store, place, result, problems)
        self.results[module] = result
        problems.extend(_left(result))
        return store.source(place) if result.changed else None

    def _snapshot(self, top: Path, path: Path) -> Snapshot:
        known = self._snapshots.get(top)
        if known is None or known.files.get(known.place(path)) != path.read_bytes():
            self._snapshots[top] = known = Snapshot.take(top, self.settings)
        return known

    def _trusted_cache(self, problems: list[str]) -> Path:
        """The cache's folder; one that goes with this process where others could put code into the usual one."""
        if not self._is_trusted:
            try:
                why = close_to_others(self._cache)
            except OSError as error:
                why = None if isinstance(error, FileExistsError | NotADirectoryError) else str(error)
            if why is not None:
                problems.append(f"the cache is not used, so that every run rewrites again: {why}")
                self._cache = temporary_folder(self)
            self._is_trusted = True
        return self._cache

    def _save(self, store: Store, place: str, result: FileResult, problems: list[str]) -> Store:
        try:
            store.save(place, result)
        except FileError as error:
            problems.append(f"nothing can be kept in the cache, so that every run rewrites again: {error}")
            self._cache = temporary_folder(self)
            store = Store(self._cache / store.folder.name)
            store.save(place, result)
        return store

    def forget_files(self) -> None:
        """Files may change from now on; what becomes of them is asked anew."""
        self._snapshots.clear()


def _left(result: FileResult) -> Iterator[str]:
    if result.failure is not None:
        yield f"{result.path} is imported as it is: {result.failure.kind}: {result.failure.message}"
    elif result.refusals and not result.changed:
        codes = ", ".join(sorted({refusal.code for refusal in result.refusals}))
        where = f"`rewriter check {result.path}` says where"
        yield f"{result.path} is imported as it is: what it holds cannot be rewritten safely ({codes}; {where})"
