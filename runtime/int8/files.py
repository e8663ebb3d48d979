"""Compiled models in one file: a header, a program as JSON, and the bytes of its tensors. No code, no pickle.

    8 bytes   "RTINT8" and the format's number, two digits
    8 bytes   how long the JSON is, little-endian
    8 bytes   how long the tensors are
    32 bytes  SHA-256 of everything behind
    JSON      see `_described`
    tensors   one after the other, each at a multiple of 64 from the start of the first, little-endian

A file is read as what a stranger may have written. Everything it says is checked before it is used: sizes against the
length of the file, operations against those that a program may hold, references against what was there before. What an
operation is given is checked again by the operation, for each shape of inputs, before a kernel runs on it.
"""

from __future__ import annotations

import copyreg
import ctypes
import hashlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from runtime.int8.compiled import CompiledModel
from runtime.int8.program import LOOP, NAMESPACE, Constant, Input, Op, Program, Ref
from runtime.int8.trees import TYPES, Tree

MAGIC = b"RTINT801"
_ALIGNMENT = 64
_HEADER = len(MAGIC) + 8 + 8 + 32
_DTYPES = {
    name: getattr(torch, name) for name in "uint8 int8 int16 int32 int64 bool float16 bfloat16 float32 float64".split()
}
_FORMATS = {
    str(form).removeprefix("torch."): form
    for form in (torch.contiguous_format, torch.preserve_format, torch.channels_last, torch.channels_last_3d)
}
_DEEPEST = 32
_LARGEST = 2**31 - 1
"""Kernels know the sizes and steps of their loops as int32."""
_MEANINGLESS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError)
"""What reading something else than a description ends in."""


class FileError(ValueError):
    """A file that holds no compiled model, or a damaged one."""


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
            tensors += bytes(-len(tensors) % _ALIGNMENT)
            places[id(tensor)] = len(tensors)
            tensors += _raw(tensor)
    text = json.dumps(_described(program, places), separators=(",", ":")).encode()
    lengths = len(text).to_bytes(8, "little") + len(tensors).to_bytes(8, "little")
    return MAGIC + lengths + hashlib.sha256(text + tensors).digest() + text + tensors


def from_bytes(data: bytes) -> Program:
    if not data.startswith(MAGIC[:6]):
        raise FileError("it is no compiled model")
    if data[6:8] != MAGIC[6:8]:
        raise FileError(f"its format is {data[6:8]!r}, and this version reads {MAGIC[6:8]!r} only")
    text_length, tensors_length = (int.from_bytes(data[i : i + 8], "little") for i in (8, 16))
    if len(data) < _HEADER or len(data) != _HEADER + text_length + tensors_length:
        raise FileError(f"it has {len(data)} bytes where its header says {_HEADER + text_length + tensors_length}")
    if hashlib.sha256(memoryview(data)[_HEADER:]).digest() != data[24:_HEADER]:
        raise FileError("it is damaged: its checksum is another")
    try:
        described = json.loads(data[_HEADER : _HEADER + text_length])
        return _Reader(described, memoryview(data)[_HEADER + text_length :]).program()
    except FileError:
        raise
    except _MEANINGLESS as error:
        raise FileError(f"it describes no program: {type(error).__name__}: {error}") from error


def _raw(tensor: Tensor) -> bytes:
    flat = tensor.contiguous().reshape(-1)
    raw = ctypes.string_at(flat.data_ptr(), flat.nbytes) if flat.numel() else b""
    return raw if sys.byteorder == "little" else _swapped(raw, tensor.element_size())


def _swapped(raw: bytes, width: int) -> bytes:
    return b"".join(raw[i : i + width][::-1] for i in range(0, len(raw), width))


def _described(program: Program, places: dict[int, int]) -> dict[str, Any]:
    """The program as JSON; references, constants and types are objects of one key."""
    return {
        "inputs": [{"dtype": _name(i.dtype), "sizes": list(i.sizes)} for i in program.inputs],
        "arguments": _tree(program.arguments),
        "constants": [
            {"dtype": _name(tensor.dtype), "sizes": list(tensor.shape), "place": places[id(tensor)]}
            for tensor in program.constants
        ],
        "ops": [_described_op(op, places) for op in program.ops],
        "outputs": _tree(program.outputs),
    }


def _described_op(op: Op, places: dict[int, int]) -> list[Any]:
    args, kwargs = [_item(arg) for arg in op.args], {name: _item(arg) for name, arg in op.kwargs.items()}
    body = [] if op.body is None else [_described(op.body, places)]
    return [op.name, args, kwargs, op.layer, *body]


def _tree(tree: Tree) -> dict[str, Any]:
    if tree.kind == "leaf":
        return {"leaf": _item(tree.leaf)}
    return {"kind": tree.kind, "children": [_tree(child) for child in tree.children], "keys": list(tree.keys)}


def _item(item: Any) -> Any:
    if isinstance(item, Ref):
        return {"value": item.number}
    if isinstance(item, Constant):
        return {"constant": item.number}
    if isinstance(item, torch.dtype):
        return {"dtype": _name(item)}
    if isinstance(item, torch.memory_format):
        return {"layout": str(item).removeprefix("torch.")}
    if isinstance(item, (list, tuple)):
        return [_item(part) for part in item]
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    raise ValueError(f"a file cannot hold {item!r}, which the program has as an argument")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _reduced(compiled: CompiledModel) -> tuple[Any, tuple[bytes]]:
    """How pickle and copy make a compiled model: from what a file of it would hold."""
    if compiled.program is None:
        raise ValueError(f"only a program can be pickled, and the model is none: {compiled.reason}")
    return _made, (to_bytes(compiled.program),)


def _made(data: bytes) -> CompiledModel:
    return CompiledModel(from_bytes(data))


copyreg.pickle(CompiledModel, _reduced)


class _Reader:
    """Reads a description, and refuses what could not have been written."""

    def __init__(
        self, described: Any, tensors: memoryview, read: dict[Any, Tensor] | None = None, inside: bool = False
    ) -> None:
        """`inside` of a loop."""
        self.described, self.tensors, self.inside = described, tensors, inside
        self.read = {} if read is None else read
        """The tensors of the file so far: a loop and what is around it may share some."""
        self.constants = [self._constant(entry) for entry in _list(described["constants"])]
        self.inputs = [self._input(entry) for entry in _list(described["inputs"])]
        self.values = len(self.inputs)

    def program(self) -> Program:
        arguments = self._tree(self.described["arguments"])
        if arguments.leaves() != list(range(len(self.inputs))):
            raise FileError("its arguments are not its inputs")
        ops = []
        for entry in _list(self.described["ops"]):
            ops.append(self._op(entry))
            self.values += 1
        return Program(self.inputs, self.constants, ops, self._tree(self.described["outputs"]), arguments)

    def _constant(self, entry: Any) -> Tensor:
        dtype, sizes, place = _DTYPES[entry["dtype"]], [_size(size) for size in _list(entry["sizes"])], entry["place"]
        length = math.prod(sizes) * dtype.itemsize
        if type(place) is not int or place < 0 or place % _ALIGNMENT or place + length > len(self.tensors):
            raise FileError(f"a tensor of {length} bytes at {place} lies outside of the file's {len(self.tensors)}")
        if dtype is torch.bool and any(byte > 1 for byte in self.tensors[place : place + length]):
            raise FileError("a tensor of truth values holds other numbers")
        key = (dtype, tuple(sizes), place)
        if key not in self.read:
            self.read[key] = self._tensor(*key, length)
        return self.read[key]

    def _tensor(self, dtype: torch.dtype, sizes: tuple[int, ...], place: int, length: int) -> Tensor:
        raw = bytearray(self.tensors[place : place + length])
        if sys.byteorder == "big":
            raw = bytearray(_swapped(bytes(raw), dtype.itemsize))
        return torch.frombuffer(raw, dtype=dtype).reshape(sizes).clone() if length else torch.empty(sizes, dtype=dtype)

    def _input(self, entry: Any) -> Input:
        sizes = tuple(None if size is None else _size(size) for size in _list(entry["sizes"]))
        if None in sizes[1:]:
            raise FileError("only the first size of an input may be the batch")
        return Input(_DTYPES[entry["dtype"]], sizes)

    def _op(self, entry: Any) -> Op:
        name, args, kwargs, layer, *bodies = entry
        if not (isinstance(name, str) and isinstance(layer, str) and isinstance(kwargs, dict)):
            raise FileError(f"an operation is a name, arguments and a layer, not {entry!r}")
        if name.startswith(NAMESPACE) and any(type(i) is int and abs(i) > _LARGEST for i in _leaves(args)):
            raise FileError(f"{name} takes no numbers above {_LARGEST}")
        given = {key: self._item(value) for key, value in kwargs.items()}
        op = Op(name, tuple(self._item(arg) for arg in _list(args)), given, layer)
        if name == LOOP or bodies:
            self._add_body(op, bodies)
        return op

    def _add_body(self, op: Op, bodies: list[Any]) -> None:
        if op.name != LOOP or len(bodies) != 1 or self.inside or op.kwargs:
            raise FileError("a loop has one body, which has no loop in it, and nothing else has one")
        op.body = _Reader(bodies[0], self.tensors, self.read, inside=True).program()
        steps, state = op.args
        if not (isinstance(steps, (Ref, Constant)) and isinstance(state, list) and state):
            raise FileError("a loop walks a tensor of steps with a list of parts of the state")
        if len(op.body.outputs.leaves()) != len(state):
            raise FileError(f"a loop with {len(state)} parts of the state makes {len(op.body.outputs.leaves())}")

    def _item(self, item: Any, depth: int = 0) -> Any:
        if isinstance(item, list) and depth < _DEEPEST:
            return [self._item(part, depth + 1) for part in item]
        if item is None or isinstance(item, (bool, int, float, str)):
            return item
        if not isinstance(item, dict) or len(item) != 1:
            raise FileError(f"an argument is a number, a string, a list or a reference, not {item!r}")
        ((kind, value),) = item.items()
        if kind == "dtype":
            return _DTYPES[value]
        if kind == "layout":
            return _FORMATS[value]
        limit = {"value": self.values, "constant": len(self.constants)}[kind]
        if type(value) is not int or not 0 <= value < limit:
            raise FileError(f"{kind} {value!r} is not there: there are {limit}")
        return Ref(value) if kind == "value" else Constant(value)

    def _tree(self, tree: Any, depth: int = 0) -> Tree:
        if "leaf" in tree:
            return Tree("leaf", leaf=self._item(tree["leaf"]))
        kind, keys = tree["kind"], tuple(_list(tree["keys"]))
        if kind not in TYPES or depth >= _DEEPEST:
            raise FileError(f"a structure is made of tuples, lists and dicts, at most {_DEEPEST} deep, not {kind!r}")
        children = tuple(self._tree(child, depth + 1) for child in _list(tree["children"]))
        made = Tree(kind, children, keys)
        if len(keys) != (len(children) if made.named else 0) or not all(isinstance(key, str) for key in keys):
            raise FileError("a dict has one string for each of its values")
        return made


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FileError(f"a list should be where {value!r} is")
    return value


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise FileError(f"{value!r} is no size")
    return value
