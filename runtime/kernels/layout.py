"""Tensors as the kernels see them: channels last, up to three spatial axes."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.kernels.sizes import broadcast


def channels_last(x: Tensor) -> Tensor:
    """`x` (N, C, spatial...) as (N, spatial..., C) with its channels side by side; a copy only where they are not."""
    moved = x.movedim(1, -1)
    return moved if moved.stride(-1) == 1 or moved.shape[-1] == 1 else moved.contiguous()


def empty_channels_last(batch: int, channels: int, spatial: Sequence[int], dtype: torch.dtype = torch.uint8) -> Tensor:
    """A new (N, C, spatial...) tensor whose channels lie side by side."""
    return torch.empty(batch, *spatial, channels, dtype=dtype).movedim(-1, 1)


def axes(values: Sequence[int], missing: int) -> ctypes.Array[ctypes.c_int32]:
    """One number a spatial axis, filled up in front to three."""
    return (ctypes.c_int32 * 3)(*[missing] * (3 - len(values)), *values)


def strides(moved: Tensor) -> ctypes.Array[ctypes.c_int64]:
    """The strides of batch, depth, height and width of a channels-last tensor."""
    batch, *spatial = moved.stride()[:-1]
    return (ctypes.c_int64 * 4)(batch, *[0] * (3 - len(spatial)), *spatial)


def int64s(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    """A C array."""
    return (ctypes.c_int64 * len(values))(*values)


def int32s(values: Sequence[int]) -> ctypes.Array[ctypes.c_int32]:
    """A C array."""
    return (ctypes.c_int32 * len(values))(*values)


def like_broadcast(a: Tensor, b: Tensor) -> Tensor:
    """A new tensor for an operation on two: in memory as whichever has the broadcast shape already."""
    shape = broadcast(a.shape, b.shape)
    whole = next((x for x in (a, b) if x.dim() == len(shape) and x.shape == shape), None)
    return a.new_empty(shape) if whole is None else torch.empty_like(whole)
