"""How torch's pooling modules say their sizes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

_KINDS: dict[int, tuple[type[nn.Module], ...]] = {
    1: (nn.MaxPool1d, nn.AdaptiveMaxPool1d, nn.AdaptiveAvgPool1d, nn.AvgPool1d),
    2: (nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, nn.AvgPool2d),
    3: (nn.MaxPool3d, nn.AdaptiveMaxPool3d, nn.AdaptiveAvgPool3d, nn.AvgPool3d),
}


def spatial_dimensions(pool: nn.Module) -> int:
    return next(dims for dims, kinds in _KINDS.items() if isinstance(pool, kinds))


def each_axis(size: int | Sequence[int], dims: int) -> list[int]:
    """One number for all axes, or one for each."""
    return [size] * dims if isinstance(size, int) else list(size)


def adaptive_sizes(wanted: int | Sequence[int | None] | None, lengths: Sequence[int]) -> list[int]:
    """The sizes of the result of an adaptive pooling: None stands for the size of the input."""
    sizes = [wanted] * len(lengths) if wanted is None or isinstance(wanted, int) else list(wanted)
    return [length if size is None else size for size, length in zip(sizes, lengths, strict=True)]
