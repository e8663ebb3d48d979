"""The structures of a weight: what its elements have in common when some of its indices are the same."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

GroupType = Literal["Filters", "3D", "Channels", "Rows", "Cols", "2D", "4D", "Blocks"]

DIMENSIONS: dict[str, tuple[int, ...]] = {
    "Filters": (0,),
    "3D": (0,),
    "Channels": (1,),
    "Rows": (0,),
    "Cols": (1,),
    "2D": (0, 1),
    "4D": (),
}
"""By Distiller's names, the dimensions along which structures are told apart."""
_MATRIX_ONLY = ("Rows", "Cols")


def check_group(weight: Tensor, group_type: str) -> None:
    """Raises where a weight has no such structures."""
    if group_type in _MATRIX_ONLY and weight.dim() != 2:
        raise ValueError(f"group_type {group_type!r} is for matrices, and the weight has shape {tuple(weight.shape)}")
    if group_type not in _MATRIX_ONLY and weight.dim() < 3:
        raise ValueError(
            f"group_type {group_type!r} is for weights of convolutions, not for one of shape {tuple(weight.shape)}; "
            "for a matrix write Rows or Cols"
        )


def group_norms(weight: Tensor, group_type: str, p: float) -> Tensor:
    """The p-norm of each structure, with size 1 along the dimensions that it spans."""
    check_group(weight, group_type)
    spanned = [d for d in range(weight.dim()) if d not in DIMENSIONS[group_type]]
    norms: Tensor = torch.linalg.vector_norm(weight, p, dim=spanned, keepdim=True)
    return norms


def group_means(weight: Tensor, group_type: str) -> Tensor:
    """The mean magnitude in each structure."""
    norms = group_norms(weight, group_type, 1)
    return norms * norms.numel() / weight.numel()


def lowest_groups(norms: Tensor, fraction: float) -> Tensor:
    """True for the structures that stay when the lowest `fraction` goes, as many as that is rounded to."""
    stays = torch.ones(norms.numel(), dtype=torch.bool, device=norms.device)
    stays[norms.flatten().argsort(stable=True)[: round(fraction * norms.numel())]] = False
    return stays.reshape(norms.shape)


def block_norms(weight: Tensor, block_shape: tuple[int, ...], p: float) -> Tensor:
    """The p-norm of each block; a block has `block_shape`, and blocks do not overlap."""
    if len(block_shape) != weight.dim() or any(n % b for n, b in zip(weight.shape, block_shape, strict=True)):
        raise ValueError(f"blocks of {tuple(block_shape)} do not divide a weight of shape {tuple(weight.shape)}")
    split = [size for n, b in zip(weight.shape, block_shape, strict=True) for size in (n // b, b)]
    norms: Tensor = torch.linalg.vector_norm(weight.reshape(split), p, dim=list(range(1, len(split), 2)))
    return norms


def spread_blocks(stays: Tensor, block_shape: tuple[int, ...]) -> Tensor:
    """One value for each block, as one for each element."""
    for dimension, size in enumerate(block_shape):
        stays = stays.repeat_interleave(size, dimension)
    return stays
