"""Room for deep recursion: a chain of `elif` nests as deeply as it is long, and so do sums of many terms."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

_FRAMES = 10_000
_STACK_BYTES = 256 * 2**20  # before Python 3.11 each of its frames takes some of C's stack


def with_room(function: Callable[[], Result]) -> Result:
    """What the function gives or raises, run in a thread that may recurse ten times as deeply as usual."""
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # handed on to whoever waits
            outcome.set_exception(error)

    with _limits():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    return outcome.result()


@contextmanager
def _limits() -> Iterator[None]:
    frames, stack = sys.getrecursionlimit(), threading.stack_size(_STACK_BYTES)
    sys.setrecursionlimit(max(frames, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(frames)
        threading.stack_size(stack)
