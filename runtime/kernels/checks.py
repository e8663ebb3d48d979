"""What the kernels take for granted about their arguments, checked once before any of them runs."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def codes(name: str, x: Tensor) -> None:
    """A tensor of activations."""
    if x.dtype != torch.uint8:
        raise TypeError(f"{name} must be uint8 codes, not {x.dtype}; quantize it first")
    _on_cpu(name, x)


def floats(name: str, x: Tensor | None, shape: Sequence[int]) -> None:
    """A float32 tensor of one shape, or none."""
    if x is None:
        return
    if x.dtype != torch.float32 or tuple(x.shape) != tuple(shape):
        raise TypeError(f"{name} must be float32 of shape {tuple(shape)}, not {x.dtype} of shape {tuple(x.shape)}")
    _on_cpu(name, x)


def code_range(low: int, high: int, **zeros: int) -> None:
    """Bounds and zero points are codes."""
    for name, zero in zeros.items():
        if not 0 <= zero <= 255:
            raise ValueError(f"{name} must be a code from 0 to 255, not {zero}")
    if not 0 <= low <= high <= 255:
        raise ValueError(f"the bounds must be codes with low <= high, not low={low}, high={high}")


def scale(**values: float) -> None:
    """Scales and multipliers have float32 values that are finite and not zero."""
    for name, value in values.items():
        if not (math.isfinite(value) and 1e-38 < abs(value) < 3e38):
            raise ValueError(f"{name} must be finite and not zero in float32, not {value}")


def weights(weight: Tensor, bias: Tensor | None, multiplier: Tensor, columns: int) -> None:
    """Weights with one multiplier, and perhaps one bias, for each output channel."""
    if weight.dtype != torch.int8:
        raise TypeError(f"weight must be int8, not {weight.dtype}")
    if weight.numel() == 0:
        raise ValueError(f"weight must have no size of zero, not shape {tuple(weight.shape)}")
    _on_cpu("weight", weight)
    floats("multiplier", multiplier, [columns])
    if bias is not None and (bias.dtype != torch.int32 or tuple(bias.shape) != (columns,)):
        raise TypeError(f"bias must be int32 of shape {(columns,)}, not {bias.dtype} of shape {tuple(bias.shape)}")


def images(x: Tensor, weight: Tensor, groups: int, channels: int) -> None:
    """Images of `channels`, and weights in groups that divide them."""
    if weight.dim() - 2 not in (1, 2, 3) or x.dim() != weight.dim():
        raise ValueError(
            f"x and weight must both have 1 to 3 spatial dimensions behind two others, "
            f"not shapes {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    if groups < 1 or x.shape[1] != channels or weight.shape[0] % groups or x.shape[1] % groups:
        raise ValueError(
            f"weights of shape {tuple(weight.shape)} in {groups} groups take {channels} channels, not {x.shape[1]}"
        )


LARGEST = 2**15
"""Of a stride, dilation, padding or window: products of two are places in an image, which kernels count in int32."""


def geometry(dims: int, **parts: Sequence[int]) -> None:
    """One positive number for each spatial dimension; a padding may be zero."""
    if dims not in (1, 2, 3):
        raise ValueError(f"images have 1 to 3 spatial dimensions behind batch and channels, not {dims}")
    for name, values in parts.items():
        least = 0 if "padding" in name else 1
        if len(values) != dims or any(not least <= value <= LARGEST for value in values):
            raise ValueError(f"{name} must be {dims} numbers from {least} to {LARGEST}, not {list(values)}")


def sizes(lengths: Sequence[int], x: Tensor) -> None:
    """An operation whose output has no room."""
    if any(length < 1 for length in lengths):
        raise ValueError(f"an input of shape {tuple(x.shape)} is too small: the output would be {list(lengths)}")


def _on_cpu(name: str, x: Tensor) -> None:
    if x.device.type != "cpu":
        raise TypeError(f"{name} must be on the CPU, not on {x.device}")
