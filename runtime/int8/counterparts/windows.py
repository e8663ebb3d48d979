"""How torch's adaptive pooling says the sizes of its result."""

from __future__ import annotations

from collections.abc import Sequence


def adaptive_sizes(wanted: int | Sequence[int | None] | None, lengths: Sequence[int]) -> list[int]:
    """The sizes of the result of an adaptive pooling: None stands for the size of the input."""
    sizes = [wanted] * len(lengths) if wanted is None or isinstance(wanted, int) else list(wanted)
    return [length if size is None else size for size, length in zip(sizes, lengths, strict=True)]
