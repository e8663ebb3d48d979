"""The structs of source/program.h, and running many kernels in one call."""

import ctypes
import functools
from ctypes import POINTER, c_int32, c_int64, c_void_p
from typing import Any

from runtime.kernels.native import abi, library

MOVE = "rk_move"


class Move(ctypes.Structure):
    _fields_ = (
        ("x", c_void_p),
        ("out", c_void_p),
        ("dims", c_int32),
        ("width", c_int32),
        *((name, c_int64 * 8) for name in ("size", "x_stride", "out_stride")),
        ("threads", c_int32),
    )


class Step(ctypes.Structure):
    _fields_ = (("kernel", c_int64), ("args", c_void_p))


NUMBERS = {name: number for number, name in enumerate([*abi.KERNELS, MOVE])}
"""What a step calls a kernel."""


def run(steps: "ctypes.Array[Step]", nanoseconds: "ctypes.Array[c_int64] | None" = None) -> None:
    """All steps in order; with `nanoseconds`, how long each takes is written there."""
    _declared()(steps, len(steps), nanoseconds)


@functools.cache
def _declared() -> Any:
    native = library.load()
    assert native is not None, "steps are only made where there is a library"
    native.rk_run.argtypes, native.rk_run.restype = [POINTER(Step), c_int64, POINTER(c_int64)], None
    return native.rk_run
