"""The shared library: where it is, which of its instruction sets run here."""

import ctypes
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.kernels.build import NAME, BuildError, built
from runtime.kernels.native import abi
from runtime.user_line import warn

PATH_VARIABLE = "RUNTIME_KERNELS_LIBRARY"
"""Names a library to load in place of the one that was installed or built, for instance one built with sanitizers."""


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, or None where it can neither be found nor built, which a warning tells."""
    try:
        path = os.environ.get(PATH_VARIABLE) or _installed() or built()
    except BuildError as error:
        why = f"the int8 kernels' reference in torch serves, which is many times slower than floating point: {error}"
        warn(why)
        return None
    library = ctypes.CDLL(str(path))
    try:
        abi.declare(library)
    except AttributeError as error:
        raise RuntimeError(
            f"{path} was built from other sources ({error}): build it again, in a checkout with "
            "`python setup.py build_ext --inplace`"
        ) from error
    return library


def _installed() -> Path | None:
    """What a wheel brought."""
    path = Path(__file__).parent.parent / NAME
    return path if path.is_file() else None


@functools.cache
def runnable() -> tuple[str, ...]:
    """The instruction sets that the library has and this processor runs, the fastest last."""
    library = load()
    if library is None:
        return ()
    return tuple(name.decode() for name in _names(library) if library.rk_supported(name))


def _names(library: ctypes.CDLL) -> list[bytes]:
    names: list[bytes] = []
    while (name := library.rk_name(len(names))) is not None:
        names.append(name)
    return names


def call(kernel: str, arguments: ctypes.Structure) -> None:
    """One kernel, with torch's number of threads for it to use already in `arguments`."""
    library = load()
    assert library is not None, "native kernels are only chosen where there is a library"
    getattr(library, f"rk_{kernel}")(ctypes.byref(arguments))
    if (recording := _recording.now) is not None:
        recording.calls.append((kernel, arguments))


class Recording:
    """The kernels that were called, in order, with their arguments, and what owns the memory of packed weights."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ctypes.Structure]] = []
        self.kept: list[object] = []


class _Recording(threading.local):
    now: Recording | None = None


_recording = _Recording()


@contextmanager
def recorded() -> Iterator[Recording]:
    """What this thread calls inside."""
    _recording.now = Recording()
    try:
        yield _recording.now
    finally:
        _recording.now = None


def keep(owner: object) -> None:
    """Says that the arguments of the next kernel point to memory that goes with `owner`."""
    if _recording.now is not None:
        _recording.now.kept.append(owner)
