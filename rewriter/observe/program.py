"""Starts a program with the streams of this process, and ends as it does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from rewriter.settings import SettingsError

_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGQUIT", "SIGBREAK")
_FROM_THE_TERMINAL = ("SIGINT", "SIGQUIT")
"""A terminal sends them to every process in front of it, to the program as well."""


def run_program(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """How it ended: its exit code, or less than 0 for a signal."""
    with _passing_on() as processes:
        try:
            process = subprocess.Popen(program, env=dict(environment))
        except OSError as error:
            raise SettingsError(f"{program[0]}: cannot be started: {error.strerror}") from error
        processes.append(process)
        return process.wait()


@contextlib.contextmanager
def _passing_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Signals are the program's. Those that are ignored here, as behind nohup, it ignores as well."""
    processes: list[subprocess.Popen[bytes]] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if signal.Signals(number).name in _FROM_THE_TERMINAL and _is_in_front():
            return
        for process in processes:
            process.send_signal(number)

    numbers = [number for name in _PASSED_ON if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, usual in before.items():
        if usual is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield processes
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)


def _is_in_front() -> bool:
    try:
        return os.tcgetpgrp(sys.__stdin__.fileno() if sys.__stdin__ else 0) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def end_like(code: int) -> int:
    """The exit code; or the end of this process by the same signal, for whoever waits for it to see."""
    if code >= 0 or os.name != "posix":
        return code
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError):  # SIGKILL and SIGSTOP have no handler
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code
