"""The arithmetic of quantization, as pure functions: the specification that every faster path is tested against.

A real number x becomes the integer q = clamp(round(x * (1 / scale)) + zero_point, low, high), ties to the even integer,
and q stands for (q - zero_point) * scale, so that zero is always exact. All of it is computed in float32, whatever the
dtype of x, and the inverse of the scale is taken first, as in torch's own fake quantization, whose results are the same
bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

SMALLEST_SCALE = torch.finfo(torch.float32).tiny
"""The smallest normal number: below it a scale loses precision, and its inverse overflows."""


@dataclass(frozen=True)
class Grid:
    """The integers that a tensor may take: 2**bits of them, or without the lowest where `restricted`."""

    bits: int = 8
    signed: bool = False
    restricted: bool = False
    """Leaves out the lowest integer, so that a signed grid is as wide below zero as above: -127 to 127."""

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, int) or not 2 <= self.bits <= 16:
            raise ValueError(f"bits must be an integer from 2 to 16, not {self.bits!r}")

    @property
    def low(self) -> int:
        lowest = -(1 << (self.bits - 1)) if self.signed else 0
        return lowest + self.restricted

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def steps(self) -> int:
        return self.high - self.low

    @property
    def middle(self) -> int:
        """Where zero lies when the range is symmetric."""
        return 0 if self.signed else 1 << (self.bits - 1)

    @property
    def dtype(self) -> torch.dtype:
        """The smallest dtype that holds the grid. torch computes with no unsigned one but uint8."""
        if self.bits <= 8:
            return torch.int8 if self.signed else torch.uint8
        return torch.int16 if self.signed or self.bits < 16 else torch.int32


@dataclass(frozen=True)
class WideGrid(Grid):
    """Integers of 16 bits that two codes of 8 hold: 256 times one and another, neither below -128 nor above 127."""

    bits: int = 16
    signed: bool = True
    restricted: bool = True

    @property
    def low(self) -> int:
        return -self.high

    @property
    def high(self) -> int:
        return 127 * 257


@dataclass(frozen=True)
class Granularity:
    """Which elements share a scale: all of a tensor, a channel along `axis`, or `group` neighbours within a channel."""

    axis: int | None = None
    group: int | None = None

    def __post_init__(self) -> None:
        if self.group is not None and (self.axis is None or self.group < 1):
            raise ValueError(f"groups need an axis and a size of at least 1, not axis={self.axis}, group={self.group}")

    def shape(self, sizes: torch.Size | tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the scale of a tensor of these sizes: (), (channels,) or (channels, groups)."""
        if self.axis is None:
            return ()
        if not -len(sizes) <= self.axis < len(sizes):
            raise ValueError(f"a tensor of shape {tuple(sizes)} has no axis {self.axis}")
        channels = sizes[self.axis]
        if self.group is None:
            return (channels,)
        rest = torch.Size(sizes).numel() // max(channels, 1)
        if rest % self.group:
            raise ValueError(f"a channel of {rest} elements cannot be divided into groups of {self.group}")
        return (channels, rest // self.group)

    def blocks(self, x: Tensor) -> Tensor:
        """The elements that share a scale, along the last dimension; the dimensions before are the scale's."""
        shape = self.shape(x.shape)
        if not shape:
            return x.reshape(-1)
        rows = x.movedim(self.axis or 0, 0)
        return rows.reshape(*shape, self.group or rows[0].numel())

    def spread(self, values: Tensor, x: Tensor) -> Tensor:
        """One value a scale, in a form that broadcasts over `x`."""
        if tuple(values.shape) != self.shape(x.shape):
            raise ValueError(
                f"a tensor of shape {tuple(x.shape)} needs a scale of shape {self.shape(x.shape)} "
                f"for {self}, not {tuple(values.shape)}"
            )
        if self.axis is None:
            return values
        if self.group is None:
            shape = [1] * x.dim()
            shape[self.axis] = -1
            return values.reshape(shape)
        rows = values.repeat_interleave(self.group, dim=1)
        return rows.reshape(x.movedim(self.axis, 0).shape).movedim(0, self.axis)


PER_TENSOR = Granularity()


def per_channel(axis: int = 0) -> Granularity:
    return Granularity(axis)


def per_group(size: int, axis: int = 0) -> Granularity:
    """Groups of `size` neighbours within each channel of `axis`."""
    return Granularity(axis, size)


@dataclass(frozen=True, eq=False)
class QParams:
    """How real numbers lie on integers."""

    scale: Tensor
    """float32, positive; its shape is that of `granularity`."""
    zero_point: Tensor
    """int32, on the grid; the integer that stands for 0.0."""
    grid: Grid = field(default_factory=Grid)
    granularity: Granularity = PER_TENSOR

    @property
    def lowest(self) -> Tensor:
        """The lowest real number that the grid reaches."""
        return (self.grid.low - self.zero_point) * self.scale

    @property
    def highest(self) -> Tensor:
        return (self.grid.high - self.zero_point) * self.scale


def value_range(x: Tensor, granularity: Granularity = PER_TENSOR) -> tuple[Tensor, Tensor]:
    """The lowest and the highest element of each block."""
    if x.numel() == 0:
        raise ValueError(f"an empty tensor of shape {tuple(x.shape)} has no range")
    low, high = torch.aminmax(granularity.blocks(x), dim=-1)
    return low, high


def qparams_from_range(
    low: Tensor, high: Tensor, grid: Grid, symmetric: bool, granularity: Granularity = PER_TENSOR
) -> QParams:
    """Scale and zero point for real numbers from `low` to `high`; the range is widened where it leaves zero out.

    No number in the range is further than half a scale from its integer's. A symmetric range has its zero point at the
    middle of the grid. A range of zero width has a scale of 1; one too narrow for float32 the smallest normal scale.
    """
    low, high = _checked_range(low, high)
    if symmetric:
        reach = torch.maximum(-low, high)
        scale = _usable(reach / (grid.steps / 2))
        zero_point = torch.full_like(scale, grid.middle)
    else:
        scale = _usable((high - low) / grid.steps)
        zero_point = (grid.low - torch.round(low / scale)).clamp(grid.low, grid.high)
    return QParams(scale.to(torch.float32), zero_point.to(torch.int32), grid, granularity)


def qparams_of(x: Tensor, grid: Grid, symmetric: bool, granularity: Granularity = PER_TENSOR) -> QParams:
    """Scale and zero point from the lowest and highest elements of `x`."""
    low, high = value_range(x.detach(), granularity)
    return qparams_from_range(low, high, grid, symmetric, granularity)


def quantize(x: Tensor, params: QParams) -> Tensor:
    """The integers of `x`, in the grid's dtype. Infinities saturate; NaN has no integer and is an error."""
    if torch.isnan(x).any():
        raise ValueError(f"a tensor of shape {tuple(x.shape)} holds NaN, which has no integer")
    grid = params.grid
    return to_grid(x, params).clamp(grid.low, grid.high).to(grid.dtype)


def dequantize(q: Tensor, params: QParams) -> Tensor:
    """The real numbers that integers stand for, in float32."""
    scale = params.granularity.spread(params.scale, q)
    zero_point = params.granularity.spread(params.zero_point, q)
    return (q.to(torch.int32) - zero_point).to(torch.float32) * scale


def multiplier(inputs: Sequence[Tensor], output: Tensor | None = None) -> Tensor:
    """What a product of integers is multiplied with: the product of their scales over the result's, or alone.

    Computed in float32 from left to right, as ONNX Runtime does it, so that exported models round as ours do; in
    float64 where float32 does not hold the product of the scales. A result is then
    clamp(round(total * multiplier) + zero_point), where the total is rounded to float32 first; kernels take this
    number, so that they and what simulates them agree.
    """
    product = _product(inputs, torch.float32)
    held = (product.abs() >= SMALLEST_SCALE) & torch.isfinite(product)
    single = product if output is None else product / output.to(torch.float32)
    if not torch.compiler.is_exporting() and held.all():  # a graph goes by no numbers that are computed
        return single
    exact = _product(inputs, torch.float64)
    double = exact if output is None else exact / output.to(torch.float64)
    return torch.where(held, single, double.to(torch.float32))


def sum_multipliers(first: QParams, second: QParams, output: QParams) -> tuple[Tensor, Tensor]:
    """What the two sides of a sum are multiplied with: `multiplier`, as a fraction that leaves no room for doubt.

    Runtimes add in different orders, some with one rounding for a product and a sum, so that a result next to the
    middle between two integers is rounded up by one and down by another. With fractions A / D and B / D of the same odd
    D no result is nearer to a middle than 1 / (2 D), and D is small enough for that to be more than all roundings to
    float32 together, in whatever order. A side is moved by an eighth of a step at most; where that is not to be had
    (more than 8 bits, sides on much coarser grids than the result), multipliers are what they are.
    """
    exact = [multiplier([params.scale], output.scale).to(torch.float64) for params in (first, second)]
    steps = max(first.grid.steps, second.grid.steps, output.grid.steps)
    reach = steps * (1 + exact[0] + exact[1])
    _, exponent = torch.frexp(2**21 / reach + 1)
    parts = torch.ldexp(torch.ones_like(reach), exponent - 1) - 1
    fractions = ((torch.round(ratio * parts).clamp(min=1) / parts) for ratio in exact)
    usable = parts >= 4 * steps
    left, right = (
        torch.where(usable, fraction, ratio).to(torch.float32) for fraction, ratio in zip(fractions, exact, strict=True)
    )
    return left, right


def _product(scales: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    product = scales[0].to(dtype)
    for scale in scales[1:]:
        product = product * scale.to(dtype)
    return product


def fake_quantize(x: Tensor, params: QParams) -> Tensor:
    """`dequantize(quantize(x))` in the dtype of `x`. NaN stays NaN, so that it is seen where it comes from.

    For gradients use `straight_through.fake_quantize`, which computes the same.
    """
    scale = params.granularity.spread(params.scale, x)
    zero_point = params.granularity.spread(params.zero_point, x)
    return ((to_grid(x, params).clamp(params.grid.low, params.grid.high) - zero_point) * scale).to(x.dtype)


def to_grid(x: Tensor, params: QParams) -> Tensor:
    """Where `x` falls, as whole floating-point numbers, before it is held inside the grid."""
    scale = params.granularity.spread(params.scale, x)
    zero_point = params.granularity.spread(params.zero_point, x)
    return torch.round(x.to(torch.float32) * scale.reciprocal()) + zero_point


def _checked_range(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """In float64, where no difference of two float32 overflows, and with zero inside."""
    low, high = low.detach().to(torch.float64), high.detach().to(torch.float64)
    if not (torch.isfinite(low).all() and torch.isfinite(high).all()):
        raise ValueError(f"a range must be finite, not {_shown(low)} to {_shown(high)}: the data holds NaN or infinity")
    if (low > high).any():
        raise ValueError(f"a range must go from low to high, not from {_shown(low)} to {_shown(high)}")
    return low.clamp(max=0.0), high.clamp(min=0.0)


def _usable(scale: Tensor) -> Tensor:
    """Rounded to float32, which is what will be computed with, and never so small that its inverse overflows."""
    usable = scale.to(torch.float32).clamp(min=SMALLEST_SCALE)
    return torch.where(scale == 0, torch.ones_like(usable), usable).to(torch.float64)


def _shown(bound: Tensor) -> str:
    return f"{bound.item():g}" if bound.numel() == 1 else f"[{bound.min().item():g} .. {bound.max().item():g}]"
