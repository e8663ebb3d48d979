"""Elementwise mathematics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from runtime.modules.base import InplaceOperation, Operation


class Abs(InplaceOperation):
    """`abs(x)`, or `torch.abs`."""

    takes = ("inplace",)
    function = torch.abs
    function_ = Tensor.abs_

    def forward(self, *args: Any, **given: Any) -> Any:
        if len(args) == 1 and not given and not self.in_place:
            return abs(args[0])
        return super().forward(*args, **given)


class Exp(InplaceOperation):
    """`torch.exp`."""

    takes = ("inplace",)
    function = torch.exp
    function_ = Tensor.exp_


class Exp2(InplaceOperation):
    """`torch.exp2`."""

    takes = ("inplace",)
    function = torch.exp2
    function_ = Tensor.exp2_


class Expm1(InplaceOperation):
    """`torch.expm1`."""

    takes = ("inplace",)
    function = torch.expm1
    function_ = Tensor.expm1_


class Log(InplaceOperation):
    """`torch.log`."""

    takes = ("inplace",)
    function = torch.log
    function_ = Tensor.log_


class Log2(InplaceOperation):
    """`torch.log2`."""

    takes = ("inplace",)
    function = torch.log2
    function_ = Tensor.log2_


class Log10(InplaceOperation):
    """`torch.log10`."""

    takes = ("inplace",)
    function = torch.log10
    function_ = Tensor.log10_


class Log1p(InplaceOperation):
    """`torch.log1p`."""

    takes = ("inplace",)
    function = torch.log1p
    function_ = Tensor.log1p_


class Sqrt(InplaceOperation):
    """`torch.sqrt`."""

    takes = ("inplace",)
    function = torch.sqrt
    function_ = Tensor.sqrt_


class Rsqrt(InplaceOperation):
    """`torch.rsqrt`."""

    takes = ("inplace",)
    function = torch.rsqrt
    function_ = Tensor.rsqrt_


class Reciprocal(InplaceOperation):
    """`torch.reciprocal`."""

    takes = ("inplace",)
    function = torch.reciprocal
    function_ = Tensor.reciprocal_


class Square(InplaceOperation):
    """`torch.square`."""

    takes = ("inplace",)
    function = torch.square
    function_ = Tensor.square_


class Erf(InplaceOperation):
    """`torch.erf`."""

    takes = ("inplace",)
    function = torch.erf
    function_ = Tensor.erf_


class Erfc(InplaceOperation):
    """`torch.erfc`."""

    takes = ("inplace",)
    function = torch.erfc
    function_ = Tensor.erfc_


class Floor(InplaceOperation):
    """`torch.floor`."""

    takes = ("inplace",)
    function = torch.floor
    function_ = Tensor.floor_


class Ceil(InplaceOperation):
    """`torch.ceil`."""

    takes = ("inplace",)
    function = torch.ceil
    function_ = Tensor.ceil_


class Trunc(InplaceOperation):
    """`torch.trunc`."""

    takes = ("inplace",)
    function = torch.trunc
    function_ = Tensor.trunc_


class Frac(InplaceOperation):
    """`torch.frac`."""

    takes = ("inplace",)
    function = torch.frac
    function_ = Tensor.frac_


class Round(InplaceOperation):
    """`torch.round`."""

    takes = ("decimals", "inplace")
    function = torch.round
    function_ = Tensor.round_


class Maximum(Operation):
    """`torch.maximum`."""

    function = torch.maximum


class Minimum(Operation):
    """`torch.minimum`."""

    function = torch.minimum


class Fmax(Operation):
    """`torch.fmax`."""

    function = torch.fmax


class Fmin(Operation):
    """`torch.fmin`."""

    function = torch.fmin


class LogAddExp(Operation):
    """`torch.logaddexp`."""

    function = torch.logaddexp


class Clamp(InplaceOperation):
    """`torch.clamp`."""

    takes = ("min", "max", "inplace")
    function = torch.clamp
    function_ = Tensor.clamp_


class ClampMin(InplaceOperation):
    """`torch.clamp_min`."""

    takes = ("min", "inplace")
    function = torch.clamp_min
    function_ = Tensor.clamp_min_


class ClampMax(InplaceOperation):
    """`torch.clamp_max`."""

    takes = ("max", "inplace")
    function = torch.clamp_max
    function_ = Tensor.clamp_max_


class Where(Operation):
    """`torch.where`."""

    function = torch.where


class TensorWhere(Operation):
    """`torch.Tensor.where`, whose condition comes second."""

    function = Tensor.where


class MaskedFill(InplaceOperation):
    """`torch.masked_fill`."""

    takes = ("inplace",)
    function = torch.masked_fill
    function_ = Tensor.masked_fill_


class Cumsum(InplaceOperation):
    """`torch.cumsum`."""

    takes = ("dim", "dtype", "inplace")
    function = torch.cumsum
    function_ = Tensor.cumsum_


class Cumprod(InplaceOperation):
    """`torch.cumprod`."""

    takes = ("dim", "dtype", "inplace")
    function = torch.cumprod
    function_ = Tensor.cumprod_


class NanToNum(InplaceOperation):
    """`torch.nan_to_num`."""

    takes = ("nan", "posinf", "neginf", "inplace")
    function = torch.nan_to_num
    function_ = Tensor.nan_to_num_
