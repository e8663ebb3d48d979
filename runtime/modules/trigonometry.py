"""Trigonometric functions."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.modules.base import InplaceOperation, Operation


class Sin(InplaceOperation):
    """`torch.sin`."""

    takes = ("inplace",)
    function = torch.sin
    function_ = Tensor.sin_


class Cos(InplaceOperation):
    """`torch.cos`."""

    takes = ("inplace",)
    function = torch.cos
    function_ = Tensor.cos_


class Tan(InplaceOperation):
    """`torch.tan`."""

    takes = ("inplace",)
    function = torch.tan
    function_ = Tensor.tan_


class Asin(InplaceOperation):
    """`torch.asin`."""

    takes = ("inplace",)
    function = torch.asin
    function_ = Tensor.asin_


class Acos(InplaceOperation):
    """`torch.acos`."""

    takes = ("inplace",)
    function = torch.acos
    function_ = Tensor.acos_


class Atan(InplaceOperation):
    """`torch.atan`."""

    takes = ("inplace",)
    function = torch.atan
    function_ = Tensor.atan_


class Sinh(InplaceOperation):
    """`torch.sinh`."""

    takes = ("inplace",)
    function = torch.sinh
    function_ = Tensor.sinh_


class Cosh(InplaceOperation):
    """`torch.cosh`."""

    takes = ("inplace",)
    function = torch.cosh
    function_ = Tensor.cosh_


class Asinh(InplaceOperation):
    """`torch.asinh`."""

    takes = ("inplace",)
    function = torch.asinh
    function_ = Tensor.asinh_


class Acosh(InplaceOperation):
    """`torch.acosh`."""

    takes = ("inplace",)
    function = torch.acosh
    function_ = Tensor.acosh_


class Atanh(InplaceOperation):
    """`torch.atanh`."""

    takes = ("inplace",)
    function = torch.atanh
    function_ = Tensor.atanh_


class Atan2(Operation):
    """`torch.atan2`."""

    function = torch.atan2


class Hypot(Operation):
    """`torch.hypot`."""

    function = torch.hypot
