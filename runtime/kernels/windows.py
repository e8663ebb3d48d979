"""Which inputs each output of a pooling reads, one axis at a time: shared by the reference and the native kernels."""

from collections.abc import Sequence
from typing import NamedTuple

from runtime.kernels.sizes import pooled


class Windows(NamedTuple):
    """For each output along one axis: the inputs `range(start, end, step)`, and how many the average divides by."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    counts: tuple[int, ...]
    step: int = 1


def sliding(
    length: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int = 1,
    ceil_mode: bool = False,
    count_pad: bool = False,
) -> Windows:
    """The windows of torch's pooling, cut at the borders; `count_pad` lets the average count the padding too.

    A window may hold padding alone: its sum is zero and its maximum the lowest code.
    """
    reach = dilation * (kernel - 1) + 1
    outputs = pooled(length, kernel, stride, padding, dilation, ceil_mode)
    firsts = [i * stride - padding for i in range(outputs)]
    starts = tuple(first + max(0, -(first // dilation)) * dilation for first in firsts)
    ends = tuple(max(start, min(first + reach, length)) for start, first in zip(starts, firsts, strict=True))
    if count_pad:
        counts = tuple(min(first + reach, length + padding) - first for first in firsts)
    else:
        counts = tuple(max(1, end - start) for start, end in zip(starts, ends, strict=True))
    return Windows(starts, ends, counts, dilation)


def adaptive(length: int, outputs: int) -> Windows:
    """The windows of torch's adaptive pooling: output i of m reads from floor(i n / m) up to ceil((i + 1) n / m)."""
    starts = tuple(i * length // outputs for i in range(outputs))
    ends = tuple(-(-(i + 1) * length // outputs) for i in range(outputs))
    return Windows(starts, ends, tuple(end - start for start, end in zip(starts, ends, strict=True)))


def sliding_axes(
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] | None = None,
    ceil_mode: bool = False,
    count_pad: bool = False,
) -> list[Windows]:
    """`sliding` for each spatial axis."""
    steps = dilation or [1] * len(kernel)
    axes = zip(lengths, kernel, stride, padding, steps, strict=True)
    return [sliding(n, k, s, p, d, ceil_mode, count_pad) for n, k, s, p, d in axes]
