"""Reads what a file says of a program, which a stranger may have written."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from runtime.int8.program import LOOP, NAMESPACE, Constant, Input, Op, Program, Ref
from runtime.int8.trees import TYPES, Tree
from runtime.int8.writing import ALIGNMENT, swapped

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


class FileError(ValueError):
    """A file that holds no compiled model, or a damaged one."""


class Reader:
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
        if type(place) is not int or place < 0 or place % ALIGNMENT or place + length > len(self.tensors):
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
            raw = bytearray(swapped(bytes(raw), dtype.itemsize))
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
        op.body = Reader(bodies[0], self.tensors, self.read, inside=True).program()
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
        raise FileError(f"{value!r} is not a size")
    return value
