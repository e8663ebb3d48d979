"""Runs the engine over many files: in this process or in several, one file's fault never another's."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path

from rewriter.facts.project import Project
from rewriter.files import NOTEBOOK, FileError, read
from rewriter.results import Failure, FileResult
from rewriter.settings import Settings

# Below this a pool costs more than it saves.
POOL_FROM = 40
# Syntax trees are millions of objects that live to the end: Python's usual thresholds look through them all the time.
COLLECT_AFTER = (100_000, 50, 1000)

Engine = Callable[[bytes, Path, Settings, Project | None], FileResult]


@dataclass(frozen=True)
class Job:
    """What every worker has to know; small, since it is sent to each."""

    roots: tuple[Path, ...]
    settings: Settings
    engine: str = "rewriter.engine:rewrite"


def engine_of(name: str) -> Engine:
    """`package.module:function`"""
    module, _, function = name.partition(":")
    engine: Engine = getattr(import_module(module), function)
    return engine


def run(files: Sequence[Path], job: Job, workers: int | None = None) -> Iterator[FileResult]:
    """One result a file, in the order of `files`."""
    count = workers or ((os.cpu_count() or 1) if len(files) >= POOL_FROM else 1)
    if count == 1 or len(files) < 2:
        with _collecting_seldom():
            _start(job)
            yield from map(_one, files)
    else:
        yield from _pooled(files, job, count)


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.collect(0)  # else the usual thresholds, long passed, would have everything looked through at once
        gc.set_threshold(*usual)


def _pooled(files: Sequence[Path], job: Job, workers: int) -> Iterator[FileResult]:
    """A pool; when a worker dies, what is finished counts, and those it may have worked on are tried one by one."""
    waiting = deque(files)
    finished: dict[Path, FileResult] = {}
    while waiting:
        with _pool(workers, job) as pool:
            futures: dict[Path, Future[FileResult]] = {}
            try:
                with _ctrl_c_later():  # all workers are started here
                    futures.update((path, pool.submit(_one, path)) for path in waiting if path not in finished)
                while waiting:
                    path = waiting[0]
                    yield finished.pop(path) if path in finished else futures.pop(path).result()
                    waiting.popleft()
            except BrokenProcessPool:
                finished |= {path: future.result() for path, future in futures.items() if not future.exception()}
        lost = [path for path in waiting if path not in finished]
        finished |= {path: _alone(path, job) for path in lost[:workers]}


@contextlib.contextmanager
def _pool(workers: int, job: Job) -> Iterator[ProcessPoolExecutor]:
    """Workers that end with the block: whoever breaks it off waits for none of what they are doing."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(job,))
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Keeps Ctrl-C back, from processes started here as well until they are ready to end by it in silence."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _alone(path: Path, job: Job) -> FileResult:
    with _pool(1, job) as pool:
        try:
            return pool.submit(_one, path).result()
        except BrokenProcessPool:
            why = "the process that worked on this file died; the file was not changed"
            return FileResult(path, failure=Failure("crash", why))


_engine: Engine
_settings: Settings
_project: Project
_told: set[Path]
"""What the project has asked for, as far as results have said so."""


def _start(job: Job) -> None:
    """Prepares this process: the project's files are read at most once in it."""
    global _engine, _settings, _project, _told
    _engine = engine_of(job.engine)
    _settings = job.settings
    _project = Project.for_paths(job.roots)
    _told = set()


def _start_worker(job: Job) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Ctrl-C reaches every process of the terminal: the workers end at once and in silence, the first process says so.
    # Where that one ignores it, as behind nohup, they do as well.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    gc.set_threshold(*COLLECT_AFTER)
    _start(job)


def _end_with_parent() -> None:
    """A process that was killed tells its workers nothing: their queue would stay open, and they would wait on it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _one(path: Path) -> FileResult:
    try:
        content = read(path)
    except FileError as error:
        return FileResult(path, failure=Failure("unreadable", str(error)))
    try:
        if path.suffix == NOTEBOOK:
            from rewriter.notebook import judged

            return judged(content, path, _settings, _project)
        result = _engine(content, path, _settings, _project)
        asked = tuple(sorted(_project.asked - _told))
        _told.update(asked)
        return replace(result, asked=asked) if asked else result
    except Exception as error:
        return FileResult(path, content, content, failure=Failure("internal", f"{type(error).__name__}: {error}"))
