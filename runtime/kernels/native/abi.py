"""The structs of source/abi.h, read from there. What the fields mean, and which kernels there are, is said there."""

import ctypes
import functools
import re
from ctypes import POINTER, c_char_p, c_float, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any

_HEADER = Path(__file__).parent.parent / "source" / "abi.h"
_STRUCT = re.compile(r"typedef struct \{(.*?)\} rk_(\w+);", re.DOTALL)
_DECLARATION = re.compile(r"(?:const )?(\w+) ([^;]+);")
_ARGUMENTS = "_args"
_TYPES: dict[str, Any] = {
    "int64_t": c_int64,
    "int32_t": c_int32,
    "float": c_float,
    # A typed pointer keeps the array alive that it is set to.
    "rk_int64s": POINTER(c_int64),
    "rk_int32s": POINTER(c_int32),
}


@functools.cache
def structs() -> dict[str, type[ctypes.Structure]]:
    """By their names in the header, `rk_` aside: `conv_args`, `windows`."""
    text = re.sub(r"//.*", "", _HEADER.read_text())
    found: dict[str, type[ctypes.Structure]] = {}
    for body, name in _STRUCT.findall(text):
        types = {**_TYPES, **{f"rk_{known}": struct for known, struct in found.items()}}
        fields = [field for kind, names in _DECLARATION.findall(body) for field in _fields(kind, names, types)]
        found[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return found


def arguments(kernel: str) -> type[ctypes.Structure]:
    """The struct that a kernel takes: `arguments("softmax")(x=..., rows=...)`."""
    return structs()[kernels().get(kernel, f"{kernel}{_ARGUMENTS}")]


@functools.cache
def kernels() -> dict[str, str]:
    """Every kernel, and the name of its struct."""
    return dict(re.findall(r"X\((\w+), rk_(\w+)\)", _HEADER.read_text()))


def element_type(kernel: str, field: str) -> str:
    """What a pointer of a kernel's struct points to: `uint8_t`."""
    text = re.sub(r"//.*", "", _HEADER.read_text())
    body = next(body for body, name in _STRUCT.findall(text) if name == kernels()[kernel])
    kinds = (kind for kind, names in _DECLARATION.findall(body) if f"*{field}" in names.replace(" ", "").split(","))
    return str(next(kinds))


def numbers(library: ctypes.CDLL) -> dict[str, int]:
    """What a step calls each kernel. The library was built from the same header, or this is an error."""
    found: dict[str, int] = {}
    while (name := library.rk_step_name(len(found))) is not None:
        size = library.rk_step_bytes(len(found))
        if ctypes.sizeof(arguments(name.decode())) != size:
            raise RuntimeError(
                f"the native kernels were built from another {_HEADER.name}: the struct of {name.decode()} has {size} "
                "bytes there; build them again, or install the package again"
            )
        found[name.decode()] = len(found)
    return found


def declare(library: ctypes.CDLL) -> None:
    """Tells ctypes the signature of every function of the library."""
    for name in kernels():
        function = getattr(library, f"rk_{name}")
        function.argtypes, function.restype = [POINTER(arguments(name))], None
    library.rk_pack.argtypes, library.rk_pack.restype = [POINTER(arguments("pack"))], c_void_p
    library.rk_free.argtypes, library.rk_free.restype = [c_void_p], None
    library.rk_weight_bytes.argtypes, library.rk_weight_bytes.restype = [c_void_p], c_int64
    library.rk_name.argtypes, library.rk_name.restype = [c_int32], c_char_p
    library.rk_supported.argtypes, library.rk_supported.restype = [c_char_p], c_int32
    library.rk_select.argtypes, library.rk_select.restype = [c_char_p], c_int32
    library.rk_selected.argtypes, library.rk_selected.restype = [], c_char_p
    library.rk_step_name.argtypes, library.rk_step_name.restype = [c_int64], c_char_p
    library.rk_step_bytes.argtypes, library.rk_step_bytes.restype = [c_int64], c_int64


def _fields(kind: str, names: str, types: dict[str, Any]) -> list[tuple[str, Any]]:
    """`"int32_t", "kernel[3], low"`; a pointer to memory is an address."""
    fields = []
    for name in names.split(","):
        stem, bracket, size = name.strip().partition("[")
        field = c_void_p if stem.startswith("*") else types[kind]
        fields.append((stem.lstrip("*"), field * int(size[:-1]) if bracket else field))
    return fields
