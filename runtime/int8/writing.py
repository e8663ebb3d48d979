"""A program as a file holds it: JSON, and the bytes of its tensors."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import torch
from torch import Tensor

from runtime.int8.program import Constant, Op, Program, Ref
from runtime.int8.trees import Tree

ALIGNMENT = 64
"""Each tensor lies at a multiple of it from the start of the first."""


def raw_bytes(tensor: Tensor) -> bytes:
    flat = tensor.contiguous().reshape(-1)
    raw = ctypes.string_at(flat.data_ptr(), flat.nbytes) if flat.numel() else b""
    return raw if sys.byteorder == "little" else swapped(raw, tensor.element_size())


def swapped(raw: bytes, width: int) -> bytes:
    return b"".join(raw[i : i + width][::-1] for i in range(0, len(raw), width))


def described(program: Program, places: dict[int, int]) -> dict[str, Any]:
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
    body = [] if op.body is None else [described(op.body, places)]
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
