"""What a program computed, taken apart into tensors and text that another process can compare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

Leaf = Tensor | str
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_DEEP = 20


def leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Leaf]]:
    """Each tensor with the way to it; what is not a container is its type and text."""
    if isinstance(value, Tensor):
        yield name, _plain(value)
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes) or depth > _DEEP:
        yield name, f"{type(value).__name__} {text(value)}"
    elif isinstance(value, Mapping):
        yield name, f"{type(value).__name__} of {[str(key) for key in value]}"
        for key, item in value.items():
            yield from leaves(item, f"{name}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        yield name, f"{type(value).__name__} of {len(value)}"
        for index, item in enumerate(value):
            yield from leaves(item, f"{name}[{index}]", depth + 1)
    elif hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        yield name, type(value).__name__
        yield from leaves(dict(vars(value)), f"{name}.__dict__", depth + 1)
    else:
        yield name, f"{type(value).__name__} {text(value)}"


def text(value: object) -> str:
    """Without addresses, which are others in each process."""
    return _ADDRESS.sub("0x", f"{value!r}" if not isinstance(value, BaseException) else str(value))


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().as_subclass(Tensor).cpu().clone().contiguous()


def difference(one: Leaf, other: Leaf, tolerance: float = 0) -> str | None:
    """What differs, in a few words; None where every bit is the same, or no number is further apart than allowed."""
    if isinstance(one, str) or isinstance(other, str):
        return (
            None
            if isinstance(one, str) and isinstance(other, str) and one == other
            else f"{_said(one)}, then {_said(other)}"
        )
    if one.dtype != other.dtype or one.shape != other.shape:
        return f"{_said(one)}, then {_said(other)}"
    if _bits(one) == _bits(other):
        return None
    if one.is_floating_point() or one.is_complex():
        same = (one == other) | (one.isnan() & other.isnan())
        apart = (one.to(torch.complex128) - other.to(torch.complex128)).abs().masked_fill(same, 0)
        most = float(apart.nan_to_num(float("inf")).max())
        if tolerance > 0 and most <= tolerance:
            return None
        return f"{int((apart != 0).sum())} of {one.numel()} numbers differ, by {most:.3g} at most"
    return f"{int((one != other).sum())} of {one.numel()} numbers differ"


def _said(leaf: Leaf) -> str:
    return leaf[:200] if isinstance(leaf, str) else f"{leaf.dtype} of shape {tuple(leaf.shape)}"


def _bits(tensor: Tensor) -> bytes:
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
