"""Runs the engine over many files: in this process, in several, or wherever an executor takes them."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import replace
from pathlib import Path

from rewriter.results import Failure, FileResult
from rewriter.work import COLLECT_AFTER, Job, Task, Work, all_results_of, let_go, results_of

# Below this a pool costs more than it saves.
POOL_FROM = 40
_MOST_PIECES = 64
"""Of a part, where it is not known how many workers an executor has."""


class ExecutorError(Exception):
    """No executor that can be used; the message says what was expected."""


class Sharing(Executor):
    """An executor that takes what all tasks are given to each of its workers once."""

    workers: int


Workers = int | Executor | None
"""How many processes, or whoever has some; None leaves it to the number of files."""


def run(files: Sequence[Path], job: Job, workers: Workers = None, work: Work | None = None) -> Iterator[FileResult]:
    """One result a file, in the order of `files`. How many work, and where, changes nothing in the results."""
    work = Work.of(job) if work is None else work
    if isinstance(workers, Executor):
        results = _through(workers, work, files)
    else:
        count = workers or ((os.cpu_count() or 1) if len(files) >= POOL_FROM else 1)
        results = _here(work, files) if count == 1 or len(files) < 2 else _pooled(work, files, count)
    return _in_order(files, results)


def _in_order(files: Sequence[Path], results: Iterator[FileResult]) -> Iterator[FileResult]:
    arrived: dict[Path, FileResult] = {}
    with contextlib.closing(results):  # type: ignore[type-var]
        for path in files:
            while path not in arrived:
                result = next(results)
                arrived[result.path] = result
            yield arrived.pop(path)


def _here(work: Work, files: Sequence[Path]) -> Iterator[FileResult]:
    with _collecting_seldom():
        try:
            for task in work.tasks(files):
                yield from results_of(work, task)
        finally:
            let_go()


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.collect(0)  # else the usual thresholds, long passed, would have everything looked through at once
        gc.set_threshold(*usual)


def _pooled(work: Work, files: Sequence[Path], workers: int) -> Iterator[FileResult]:
    from rewriter.pool import pooled  # brings in multiprocessing

    return pooled(work, divided(work.tasks(files), workers), workers)


def _through(executor: Executor, work: Work, files: Sequence[Path]) -> Iterator[FileResult]:
    """Whoever works may stand in another folder: there all paths begin at the root."""
    shown = {file.absolute(): file for file in files}
    for result in _through_by_root(executor, work.from_root, list(shown)):
        path, failure = shown[result.path], result.failure
        if failure is not None:
            failure = replace(failure, message=failure.message.replace(str(result.path), str(path)))
        yield replace(result, path=path, failure=failure)


def _through_by_root(executor: Executor, work: Work, files: Sequence[Path]) -> Iterator[FileResult]:
    tasks = work.tasks(files)
    if isinstance(executor, Sharing):
        given = [(work, task) for task in divided(tasks, executor.workers)]
    else:
        given = [work.alone(piece) for task in tasks for piece in _pieces(task)]
    futures = {executor.submit(all_results_of, *arguments): arguments[1] for arguments in given}
    try:
        for future in as_completed(futures):
            if (error := future.exception()) is not None:
                why = Failure("crash", f"the worker that had this file failed: {type(error).__name__}: {error}")
                yield from (FileResult(path, failure=why) for path in futures[future].files)
            else:
                yield from future.result()
    finally:
        for future in futures:
            future.cancel()


def divided(tasks: Sequence[Task], workers: int) -> list[Task]:
    """Whole parts, which one worker then reads alone; file by file where there are too few to keep all workers busy."""
    if len(tasks) >= 2 * workers:
        return list(tasks)
    return [replace(task, files=(file,)) for task in tasks for file in task.files]


def _pieces(task: Task) -> Iterable[Task]:
    size = -(-len(task.files) // _MOST_PIECES)
    starts = range(0, len(task.files), size)
    return (replace(task, files=task.files[start : start + size]) for start in starts)
