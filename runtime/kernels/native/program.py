"""Running many kernels in one call."""

import ctypes
import functools
from ctypes import POINTER, c_int64, c_void_p
from typing import Any

from runtime.kernels.native import abi, library


class Step(ctypes.Structure):
    _fields_ = (("kernel", c_int64), ("args", c_void_p))


def number(kernel: str) -> int:
    """What a step calls a kernel."""
    return _numbers()[kernel]


def run(steps: "ctypes.Array[Step]", nanoseconds: "ctypes.Array[c_int64] | None" = None) -> None:
    """All steps in order; with `nanoseconds`, how long each takes is written there."""
    _declared()(steps, len(steps), nanoseconds)


@functools.cache
def _numbers() -> dict[str, int]:
    return abi.numbers(_library())


@functools.cache
def _declared() -> Any:
    native = _library()
    native.rk_run.argtypes, native.rk_run.restype = [POINTER(Step), c_int64, POINTER(c_int64)], None
    return native.rk_run


def _library() -> ctypes.CDLL:
    native = library.load()
    assert native is not None, "steps are only made where there is a library"
    return native
