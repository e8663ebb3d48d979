"""Arithmetic on more than two operands, or on one."""

from __future__ import annotations

import torch
from torch import Tensor

from runtime.modules.base import InplaceOperation, Operation


class ReverseSub(Operation):
    """`torch.rsub`."""

    takes = ("alpha",)
    function = torch.rsub


class Fmod(InplaceOperation):
    """`torch.fmod`."""

    takes = ("inplace",)
    function = torch.fmod
    function_ = Tensor.fmod_


class AddCMul(InplaceOperation):
    """`torch.addcmul`."""

    takes = ("value", "inplace")
    function = torch.addcmul
    function_ = Tensor.addcmul_


class AddCDiv(InplaceOperation):
    """`torch.addcdiv`."""

    takes = ("value", "inplace")
    function = torch.addcdiv
    function_ = Tensor.addcdiv_


class Lerp(InplaceOperation):
    """`torch.lerp`."""

    takes = ("inplace",)
    function = torch.lerp
    function_ = Tensor.lerp_
