"""Between real numbers, int32 sums and uint8 codes: the one rounding that everything else uses."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["dequantize", "quantize", "requantize", "rescale_table", "unary_table"]


def float32(value: float) -> Tensor:
    """`value` as the kernels see it: rounded once to float32."""
    return torch.tensor(value, dtype=torch.float32)


def wrap_int32(total: Tensor) -> Tensor:
    """An exact integer sum as an int32 accumulator holds it: modulo 2**32."""
    return ((total.to(torch.int64) + 2**31) % 2**32 - 2**31).to(torch.int32)


def round_to_code(value: Tensor, zero: int, low: int = 0, high: int = 255) -> Tensor:
    """float32 to uint8: clamp, round half to even, add the zero point.

    The clamp comes first: its bounds are whole numbers, so the result is that of rounding first, and no value can leave
    the range of the conversion to an integer. A NaN becomes `low`.
    """
    number = value.nan_to_num(nan=low - zero)
    return (torch.round(number.clamp(low - zero, high - zero)) + zero).to(torch.uint8)


def requantize(
    total: Tensor, multiplier: Tensor, zero: int, low: int = 0, high: int = 255, negative: Tensor | None = None
) -> Tensor:
    """An int32 sum to uint8: to float32 (half to even), one float32 multiplication, `round_to_code`.

    A fused ReLU is `low=zero`; a fused ReLU6 also sets `high` to the code of 6. A fused PReLU has another multiplier,
    `negative`, for sums below zero.
    """
    number = total.to(torch.int32).to(torch.float32)
    factor = multiplier if negative is None else torch.where(number < 0, negative, multiplier)
    return round_to_code(number * factor, zero, low, high)


def quantize(x: Tensor, scale: float, zero: int) -> Tensor:
    """float32 to uint8: times the inverse of the scale, which is taken first and rounded to float32."""
    return round_to_code(x.to(torch.float32) * (1 / float32(scale)), zero)


def dequantize(x: Tensor, scale: float, zero: int) -> Tensor:
    """uint8 to float32."""
    return centred(x, zero) * float32(scale)


def centred(x: Tensor, zero: int) -> Tensor:
    """The codes of `x` less the zero point, exact in float32."""
    return (x.to(torch.int32) - zero).to(torch.float32)


def rescale_table(multiplier: float, zero: int, out_zero: int, low: int = 0, high: int = 255) -> Tensor:
    """The table of 256 codes that moves a tensor from one scale and zero point to another."""
    return round_to_code(centred(torch.arange(256), zero) * float32(multiplier), out_zero, low, high)


def unary_table(
    function: Callable[[Tensor], Tensor], scale: float, zero: int, out_scale: float, out_zero: int
) -> Tensor:
    """The table of 256 codes for any function of one number, computed in float64.

    Infinite results saturate. A NaN has no code: it is an error that names the input.
    """
    inputs = (torch.arange(256, dtype=torch.float64) - zero) * scale
    outputs = function(inputs)
    if bool(outputs.isnan().any()):
        worst = float(inputs[outputs.isnan()][0])
        raise ValueError(f"the function is NaN at {worst:g}, which scale={scale:g}, zero={zero} can represent")
    if not (out_scale > 0 and math.isfinite(out_scale)):
        raise ValueError(f"out_scale must be positive and finite, got {out_scale}")
    return round_to_code(outputs / out_scale, out_zero)
