"""Compiled models in one file: a header, a program as JSON, and the bytes of its tensors. No code, no pickle.

    8 bytes   "RTINT8" and the format's number, two digits
    8 bytes   how long the JSON is, little-endian
    8 bytes   how long the tensors are
    32 bytes  SHA-256 of everything behind
    JSON      see `runtime.int8.writing`
    tensors   one after the other, each at a multiple of 64 from the start of the first, little-endian

A file is read as what a stranger may have written. Everything it says is checked before it is used: sizes against the
length of the file, operations against those that a program may hold, references against what was there before. What an
operation is given is checked again by the operation, for each shape of inputs, before a kernel runs on it.
"""

from __future__ import annotations

import copyreg
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from runtime.int8.compiled import CompiledModel
from runtime.int8.program import Program
from runtime.int8.reading import FileError, Reader
from runtime.int8.writing import ALIGNMENT, described, raw_bytes

MAGIC = b"RTINT801"
_HEADER = len(MAGIC) + 8 + 8 + 32
_MEANINGLESS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError)
"""What reading something else than a description ends in."""


def save(compiled: CompiledModel, path: str | Path) -> None:
    """Writes the program to one file, in one step: whoever reads meanwhile sees the old file or the new one."""
    if not isinstance(compiled, CompiledModel):
        raise TypeError(
            f"save takes what runtime.int8.compile makes, not {type(compiled).__name__}: "
            "compile(convert(quantized), example) first, or runtime.quantization.save_checkpoint for what is trained on"
        )
    if compiled.program is None:
        raise ValueError(f"only a program can be saved, and the model is none: {compiled.reason}")
    data, path = to_bytes(compiled.program), Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(_usual_mode(path))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _usual_mode(path: Path) -> int:
    """That of the file to be replaced, or else what any new file gets; a temporary file is closed to others."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def load(path: str | Path) -> CompiledModel:
    """The program in a file; `FileError` says what is wrong with one that cannot be used."""
    try:
        return CompiledModel(from_bytes(Path(path).read_bytes()))
    except FileError as error:
        raise FileError(f"{path}: {error}") from None


def to_bytes(program: Program) -> bytes:
    tensors, places = bytearray(), dict[int, int]()
    for tensor in program.tensors():
        if id(tensor) not in places:
            tensors += bytes(-len(tensors) % ALIGNMENT)
            places[id(tensor)] = len(tensors)
            tensors += raw_bytes(tensor)
    text = json.dumps(described(program, places), separators=(",", ":")).encode()
    lengths = len(text).to_bytes(8, "little") + len(tensors).to_bytes(8, "little")
    return MAGIC + lengths + hashlib.sha256(text + tensors).digest() + text + tensors


def from_bytes(data: bytes) -> Program:
    if not data.startswith(MAGIC[:6]):
        raise FileError("it is not a compiled model")
    if data[6:8] != MAGIC[6:8]:
        raise FileError(f"its format is {data[6:8]!r}, and this version reads {MAGIC[6:8]!r} only")
    text_length, tensors_length = (int.from_bytes(data[i : i + 8], "little") for i in (8, 16))
    if len(data) < _HEADER or len(data) != _HEADER + text_length + tensors_length:
        raise FileError(f"it has {len(data)} bytes where its header says {_HEADER + text_length + tensors_length}")
    if hashlib.sha256(memoryview(data)[_HEADER:]).digest() != data[24:_HEADER]:
        raise FileError("it is damaged: its checksum is another")
    try:
        description = json.loads(data[_HEADER : _HEADER + text_length])
        return Reader(description, memoryview(data)[_HEADER + text_length :]).program()
    except FileError:
        raise
    except _MEANINGLESS as error:
        raise FileError(f"it describes no program: {type(error).__name__}: {error}") from error


def _reduced(compiled: CompiledModel) -> tuple[Any, tuple[bytes]]:
    """How pickle and copy make a compiled model: from what a file of it would hold."""
    if compiled.program is None:
        raise ValueError(f"only a program can be pickled, and the model is none: {compiled.reason}")
    return _made, (to_bytes(compiled.program),)


def _made(data: bytes) -> CompiledModel:
    return CompiledModel(from_bytes(data))


copyreg.pickle(CompiledModel, _reduced)
