"""Processes of this machine that work on one run: what has been read is theirs from the start, and none outlives it."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from rewriter.results import Failure, FileResult
from rewriter.work import COLLECT_AFTER, Task, Work, all_results_of


def pooled(work: Work, tasks: Sequence[Task], workers: int) -> Iterator[FileResult]:
    """When a worker dies, what is finished counts; those it may have worked on are tried file by file, then alone."""
    waiting = list(tasks)
    while waiting:
        done: list[Task] = []
        with _pool(workers, work) as pool:
            futures: dict[Future[list[FileResult]], Task] = {}
            try:
                with _ctrl_c_later():  # all workers are started here
                    futures.update((pool.submit(_judged, task), task) for task in waiting)
                for future in as_completed(futures):
                    found = future.result()
                    done.append(futures.pop(future))
                    yield from found
            except BrokenProcessPool:
                for future in [future for future in futures if future.done() and not future.exception()]:
                    done.append(futures.pop(future))
                    yield from future.result()
        finished = set(done)
        waiting = [task for task in waiting if task not in finished]
        suspects, waiting = waiting[:workers], waiting[workers:]
        for task in [task for task in suspects if len(task.files) == 1]:
            yield _alone(work, task)
        waiting[:0] = [replace(t, files=(file,)) for t in suspects if len(t.files) > 1 for file in t.files]


@contextlib.contextmanager
def _pool(workers: int, work: Work) -> Iterator[ProcessPoolExecutor]:
    """Workers that end with the block: whoever breaks it off waits for none of what they are doing."""
    global _work
    others = set(multiprocessing.active_children())
    forked = _may_fork()
    context = multiprocessing.get_context("fork" if forked else "spawn")
    if forked:
        _work = work  # what this process has read, its workers have with it
        gc.freeze()
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=() if forked else (work,))
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        gc.unfreeze()


def _may_fork() -> bool:
    """A process with other threads would pass on their locks, held for ever; only Linux says whether there are any."""
    try:
        return sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


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


def _alone(work: Work, task: Task) -> FileResult:
    with _pool(1, work) as pool:
        try:
            with _ctrl_c_later():
                future = pool.submit(_judged, task)
            return future.result()[0]
        except BrokenProcessPool:
            why = "the process that worked on this file died; the file was not changed"
            return FileResult(task.files[0], failure=Failure("crash", why))


_work: Work
"""Of this process, which is a worker or about to have some."""


def _start_worker(work: Work | None = None) -> None:
    global _work
    end_with_parent()
    # Ctrl-C reaches every process of the terminal: the workers end at once and in silence, the first process says so.
    # Where that one ignores it, as behind nohup, they do as well.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    gc.set_threshold(*COLLECT_AFTER)
    if work is not None:
        _work = work


def end_with_parent() -> None:
    """A process that was killed tells its workers nothing: their queue would stay open, and they would wait on it."""
    threading.Thread(target=_wait_for_its_end, daemon=True).start()


def _wait_for_its_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _judged(task: Task) -> list[FileResult]:
    return all_results_of(_work, task)
