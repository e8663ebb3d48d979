"""A transposed convolution as plain ones: outputs that lie a stride apart share their taps."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from runtime.kernels.native.weights import Packed


class Phase(NamedTuple):
    """The outputs first, first + stride, ... along every axis."""

    first: tuple[int, ...]
    kernel: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    packed: Packed


class _Taps(NamedTuple):
    """One axis of a phase: which taps, in the order of the inputs they meet, and where those lie."""

    taps: list[int]
    padding: int
    dilation: int


def phases(
    weight: Tensor,
    bias: Tensor | None,
    x_zero: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> list[Phase]:
    """`weight` is (in, out / groups, ...) as torch has it."""
    channels, columns = weight.shape[0] // groups, weight.shape[1]
    kernel = weight.shape[2:]
    plain = weight.reshape(groups, channels, columns, *kernel).transpose(1, 2).reshape(-1, channels, *kernel)
    found = []
    for first in itertools.product(*(range(step) for step in stride)):
        axes = [_axis(*axis) for axis in zip(first, kernel, stride, padding, dilation, strict=True)]
        part = plain
        for dim, axis in enumerate(axes, start=2):
            part = part.index_select(dim, torch.tensor(axis.taps, dtype=torch.int64))
        if part.numel() == 0:
            axes = [_Taps([0], 0, 1) for _ in axes]
            part = torch.zeros(*plain.shape[:2], *[1] * len(axes), dtype=torch.int8)
        sizes = tuple(len(axis.taps) for axis in axes)
        places = tuple(axis.padding for axis in axes)
        packed = Packed(part, bias, groups, x_zero)
        found.append(Phase(first, sizes, places, tuple(axis.dilation for axis in axes), packed))
    return found


def _axis(first: int, kernel: int, stride: int, padding: int, dilation: int) -> _Taps:
    """Output first + stride * j meets, at tap k, input j + (first + padding - dilation * k) / stride, if whole."""
    taps = [k for k in reversed(range(kernel)) if (first + padding - dilation * k) % stride == 0]
    nearest = (first + padding - dilation * taps[0]) // stride if taps else 0
    return _Taps(taps, -nearest, dilation // math.gcd(stride, dilation))
