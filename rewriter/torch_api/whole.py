"""Which functions and methods of torch compute integers or booleans, and which draw random numbers."""

from __future__ import annotations

_ALWAYS = frozenset(
    """
    all any argmax argmin argsort argwhere bincount bool bucketize byte char count_nonzero eq equal ge gt
    int isclose isfinite isin isinf isnan isneginf isposinf isreal le logical_and logical_not logical_or logical_xor
    long lt ne nonzero nonzero_static one_hot _shape_as_tensor
    randint randperm searchsorted short signbit tril_indices triu_indices greater greater_equal less
    less_equal not_equal
    """.split()
)
_OF_WHOLE = frozenset(
    """
    abs absolute add amax amin arange atleast_1d atleast_2d atleast_3d bitwise_and bitwise_left_shift bitwise_not
    bitwise_or bitwise_right_shift bitwise_xor broadcast_tensors broadcast_to cat chunk clamp clamp_max clamp_min clip
    clone column_stack concat concatenate contiguous cpu cuda cumprod cumsum detach diag diagonal diff expand expand_as
    flatten flip floor_divide fmod full gather hstack index_select masked_fill masked_select max maximum meshgrid min
    minimum movedim mul multiply narrow neg negative new_ones new_zeros ones_like outer permute prod ravel remainder
    repeat repeat_interleave reshape roll scatter select sort split split_with_sizes squeeze stack sub subtract
    sum swapaxes swapdims t take tensor tile topk transpose tril triu unbind unflatten unique unsqueeze view view_as
    vstack where zeros_like
    """.split()
)
_RANDOM = frozenset(
    """
    alpha_dropout bernoulli cauchy dropout exponential geometric log_normal multinomial normal poisson rand rand_like
    randint randint_like randn randn_like random randperm rrelu uniform
    """.split()
)
_TYPES = frozenset(f"torch.{name}" for name in "bool int8 int16 int32 int64 int long short uint8".split())


def draws(name: str) -> bool:
    """Whether the function or method of that full name draws random numbers."""
    return _last(name) in _RANDOM


def always(name: str) -> bool:
    """Whether it computes integers or booleans, whatever it is given."""
    return _last(name) in _ALWAYS


def of_whole(name: str) -> bool:
    """Whether it computes integers from integers. `torch.zeros(3)` has floats, unless a dtype says otherwise."""
    return _last(name) in _OF_WHOLE


def is_type(name: str | None) -> bool:
    """Whether it is the full name of a dtype of integers or booleans."""
    return name in _TYPES


def _last(name: str) -> str:
    return name.rpartition(".")[2].rstrip("_")
