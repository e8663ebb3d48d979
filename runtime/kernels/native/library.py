"""The shared library: where it is, which of its instruction sets run here."""

import ctypes
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.kernels.native import abi

PATH_VARIABLE = "RUNTIME_KERNELS_LIBRARY"
"""Names a library to load in place of the one that was installed, for instance one built with sanitizers."""


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, or None where the install built none."""
    path = os.environ.get(PATH_VARIABLE) or next(iter(_installed()), None)
    if path is None:
        return None
    library = ctypes.CDLL(str(path))
    abi.declare(library)
    return library


def _installed() -> list[Path]:
    return sorted(Path(__file__).parent.parent.glob("_kernels*.so"))


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
    getattr(library, kernel)(ctypes.byref(arguments))
    calls = getattr(_recording, "calls", None)
    if calls is not None:
        calls.append((kernel, arguments))


Calls = list[tuple[str, ctypes.Structure]]
_recording = threading.local()


@contextmanager
def recorded() -> Iterator[Calls]:
    """The kernels that this thread calls inside, in order, with their arguments."""
    _recording.calls = []
    try:
        yield _recording.calls
    finally:
        _recording.calls = None
