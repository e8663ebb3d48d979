"""How large outputs are. Works on torch's symbolic sizes too."""

from collections.abc import Sequence

import torch


def convolved(
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    axes = zip(lengths, kernel, stride, padding, dilation, strict=True)
    return [pooled(n, k, s, p, d) for n, k, s, p, d in axes]


def transposed(
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    axes = zip(lengths, kernel, stride, padding, output_padding, dilation, strict=True)
    return [(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n, k, s, p, extra, d in axes]


def pooled(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """How often a window fits along one axis."""
    room = length + 2 * padding - dilation * (kernel - 1) - 1
    outputs = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (outputs - 1) * stride >= length + padding:
        return outputs - 1  # the last window must start within the input or its left padding
    return outputs


def broadcast(*shapes: Sequence[int]) -> torch.Size:
    if not all(type(size) is int for shape in shapes for size in shape):
        return torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call, no-any-return]
    # For plain numbers torch's own would first import its symbolic ones: 40 MB.
    dims = max(map(len, shapes))
    columns = zip(*([1] * (dims - len(shape)) + list(shape) for shape in shapes), strict=True)
    sizes = [{size for size in column if size != 1} or {1} for column in columns]
    if any(len(size) > 1 for size in sizes):
        raise RuntimeError(f"shapes {[tuple(shape) for shape in shapes]} cannot be broadcast to one")
    return torch.Size(size.pop() for size in sizes)
