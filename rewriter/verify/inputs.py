"""What the model is called with: `--input 2x3x32x32`, `--input 2x16:int64:100`, or the cases of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHAPE = re.compile(r"(?P<shape>\d+(?:x\d+)*|scalar)(?::(?P<dtype>[a-z]+\d*)(?::(?P<below>\d+))?)?")
_KINDS = ("float", "int", "uint", "bool", "complex", "bfloat")


class InputError(Exception):
    """An input that cannot be read; the message says what was expected."""


@dataclass(frozen=True)
class Input:
    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int = 2
    """For whole numbers: they lie from 0 up to this one."""


def parse(text: str) -> Input:
    match = _SHAPE.fullmatch(text)
    if match is None or not (match["dtype"] or "float32").startswith(_KINDS):
        expected = "a shape such as 2x3x32x32, or with a type 2x3:float64, or whole numbers below 100 2x16:int64:100"
        raise InputError(f"--input {text}: expected {expected}")
    shape = () if match["shape"] == "scalar" else tuple(map(int, match["shape"].split("x")))
    return Input(shape, match["dtype"] or "float32", int(match["below"] or 2))
