"""RW106: pooling."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import module, spelled, wrapped
from rewriter.torch_api.traits import Trait

_MAXIMUM = Trait.MOVE | Trait.MAXIMUM | Trait.HOMOGENEOUS
_AVERAGE = Trait.AVERAGE | Trait.HOMOGENEOUS


def _max_pool(n: int) -> Iterator[Row]:
    constructor = "kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False"
    common = "input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False"
    yield module(
        f"max_pool{n}d", f"MaxPool{n}d", constructor,
        spelled(f"F.max_pool{n}d", f"{common}, return_indices=False"), spelled(f"torch.max_pool{n}d", common),
        attribute="max_pool", traits=_MAXIMUM, aimet="MaxPool2d" if n == 2 else "",
    )  # fmt: skip
    yield wrapped(
        f"max_pool{n}d_with_indices", "RW106", f"MaxPool{n}dWithIndices",
        spelled(f"F.max_pool{n}d_with_indices", f"{common}, return_indices=False"),
        attribute="max_pool", returns="tensors", traits=_MAXIMUM,
    )  # fmt: skip
    yield module(
        f"max_unpool{n}d", f"MaxUnpool{n}d", "kernel_size, stride=None, padding=0",
        spelled(f"F.max_unpool{n}d", "input, indices, kernel_size, stride=None, padding=0, output_size=None"),
        operands="input indices", attribute="max_unpool",
    )  # fmt: skip


def _avg_pool(n: int) -> Row:
    constructor = "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True"
    constructor += "" if n == 1 else ", divisor_override=None"
    names = f"F.avg_pool{n}d" + (" torch.avg_pool1d" if n == 1 else "")
    return module(
        f"avg_pool{n}d",
        f"AvgPool{n}d",
        constructor,
        spelled(names, f"input, {constructor}"),
        attribute="avg_pool",
        traits=_AVERAGE,
        aimet="AvgPool2d" if n == 2 else "",
    )


def _adaptive(n: int) -> Iterator[Row]:
    names = f"F.adaptive_avg_pool{n}d" + (" torch.adaptive_avg_pool1d" if n == 1 else "")
    yield module(
        f"adaptive_avg_pool{n}d", f"AdaptiveAvgPool{n}d", "output_size", spelled(names, "input, output_size"),
        attribute="avg_pool", traits=_AVERAGE, aimet="AdaptiveAvgPool2d" if n == 2 else "",
    )  # fmt: skip
    yield module(
        f"adaptive_max_pool{n}d", f"AdaptiveMaxPool{n}d", "output_size, return_indices=False",
        spelled(f"F.adaptive_max_pool{n}d", "input, output_size, return_indices=False"), attribute="max_pool",
        traits=_MAXIMUM,
    )  # fmt: skip
    yield wrapped(
        f"adaptive_max_pool{n}d_with_indices", "RW106", f"AdaptiveMaxPool{n}dWithIndices",
        spelled(f"F.adaptive_max_pool{n}d_with_indices", "input, output_size, return_indices=False"),
        attribute="max_pool", returns="tensors", traits=_MAXIMUM,
    )  # fmt: skip


def _lp_pool(n: int) -> Row:
    constructor = "norm_type, kernel_size, stride=None, ceil_mode=False"
    return module(
        f"lp_pool{n}d", f"LPPool{n}d", constructor, spelled(f"F.lp_pool{n}d", f"input, {constructor}"),
        attribute="lp_pool", traits=Trait.HOMOGENEOUS,
    )  # fmt: skip


def _fractional(n: int) -> Iterator[Row]:
    """torch.nn's module keeps a buffer for its random samples, so it is not a stand-in for the function."""
    signature = "input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None"
    for suffix, target, returns in (("", "", "tensor"), ("_with_indices", "WithIndices", "tensors")):
        yield wrapped(
            f"fractional_max_pool{n}d{suffix}", "RW106", f"FractionalMaxPool{n}d{target}",
            spelled(f"F.fractional_max_pool{n}d{suffix}", signature), attribute="max_pool", returns=returns,
            traits=Trait.MOVE | Trait.RANDOM,
        )  # fmt: skip


ROWS = tuple(
    row
    for n in (1, 2, 3)
    for row in (*_max_pool(n), _avg_pool(n), *_adaptive(n), _lp_pool(n), *(_fractional(n) if n > 1 else ()))
)
