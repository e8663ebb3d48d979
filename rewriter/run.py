"""Runs the engine over many files: in this process or in several, one file's fault never another's."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rewriter.facts.project import Project
from rewriter.files import FileError, read, write_atomically
from rewriter.results import Failure, FileResult
from rewriter.settings import Settings

# Below this a pool costs more than it saves.
POOL_FROM = 40

Engine = Callable[[bytes, Path, Settings, Project], FileResult]


@dataclass(frozen=True)
class Job:
    """What every worker has to know; small, since it is sent to each."""

    roots: tuple[Path, ...]
    settings: Settings
    engine: str = "rewriter.engine:rewrite"


def run(files: Sequence[Path], job: Job, workers: int | None = None) -> Iterator[FileResult]:
    """One result a file, in the order of `files`."""
    count = workers or ((os.cpu_count() or 1) if len(files) >= POOL_FROM else 1)
    if count == 1 or len(files) < 2:
        _start(job)
        yield from map(_one, files)
    else:
        yield from _pooled(files, job, count)


def _pooled(files: Sequence[Path], job: Job, workers: int) -> Iterator[FileResult]:
    """A pool; when a worker dies, its files are tried again one by one to find the one at fault."""
    pending = list(files)
    context = multiprocessing.get_context("spawn")
    while pending:
        done = 0
        with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(job,)) as pool:
            try:
                for result in pool.map(_one, pending, chunksize=1):
                    done += 1
                    yield result
            except BrokenProcessPool:
                pass
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        pending = pending[done:]
        if pending:  # the next result never came: it, or one of those running beside it, killed its worker
            suspects, pending = pending[:workers], pending[workers:]
            yield from (_alone(path, job, context) for path in suspects)


def _alone(path: Path, job: Job, context: multiprocessing.context.SpawnContext) -> FileResult:
    with ProcessPoolExecutor(1, context, initializer=_start, initargs=(job,)) as pool:
        try:
            return pool.submit(_one, path).result()
        except BrokenProcessPool:
            why = "the process that worked on this file died; the file was not changed"
            return FileResult(path, failure=Failure("crash", why))


_engine: Engine
_settings: Settings
_project: Project


def _start(job: Job) -> None:
    """Prepares this process: the project's files are read at most once in it."""
    global _engine, _settings, _project
    module, _, name = job.engine.partition(":")
    _engine = getattr(import_module(module), name)
    _settings = job.settings
    _project = Project.for_paths(job.roots, job.settings)


def _one(path: Path) -> FileResult:
    try:
        content = read(path)
    except FileError as error:
        return FileResult(path, failure=Failure("unreadable", str(error)))
    try:
        return _engine(content, path, _settings, _project)
    except Exception as error:
        return FileResult(path, content, content, failure=Failure("internal", f"{type(error).__name__}: {error}"))


def write(result: FileResult) -> FileResult:
    """Puts a changed file in its place; a file that cannot be written becomes a failure."""
    if not result.changed:
        return result
    try:
        write_atomically(result.path, result.before, result.after)
    except FileError as error:
        return FileResult(result.path, result.before, result.before, failure=Failure("unwritable", str(error)))
    return result
