"""What goes to the terminal, or to whatever stands in its place; and the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rewriter.results import FileResult

OK, FOUND, ERROR, INTERRUPTED = 0, 1, 2, 130


class OutputError(Exception):
    """The report cannot be put where it was wanted; the message says where and why."""


def occupy_closed_streams() -> None:
    """Keeps the descriptors of streams that were closed, so that no file that is opened later takes their place."""
    for _ in range(3):
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            break
    if sys.stderr is None:  # else what is printed on it would go to stdout
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def complain(message: str) -> int:
    print(f"rewriter: error: {message}", file=sys.stderr)
    return ERROR


def warn(message: str) -> None:
    print(f"rewriter: warning: {message}", file=sys.stderr)


def say_failures(results: Sequence[FileResult]) -> None:
    """For where stdout is not read by a person."""
    for result in results:
        if result.failure is not None:
            span = result.failure.span
            place = f"{result.path}:{span.line}:{span.column + 1}" if span else f"{result.path}"
            complain(f"{place}: {result.failure.kind}: {result.failure.message}")


def put_on_stdout(content: bytes) -> None:
    if sys.stdout is None and not content:
        return
    if sys.stdout is None:
        raise OutputError("stdout is closed; -o FILE writes the report to a file")
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        close_stdout()
        raise OutputError(f"stdout: cannot be written: {error.strerror}") from error


def close_stdout() -> None:
    """So that what is left in its buffer does not fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
