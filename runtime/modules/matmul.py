"""Products of matrices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from runtime.modules.base import InplaceOperation, Operation


class BatchMatmul(Operation):
    """`torch.bmm`."""

    function = torch.bmm


class MM(Operation):
    """`torch.mm`."""

    function = torch.mm


class MV(Operation):
    """`torch.mv`."""

    function = torch.mv


class Dot(Operation):
    """`torch.dot`."""

    function = torch.dot


class Inner(Operation):
    """`torch.inner`."""

    function = torch.inner


class Outer(Operation):
    """`torch.outer`."""

    function = torch.outer


class AddMM(InplaceOperation):
    """`torch.addmm`."""

    takes = ("beta", "alpha", "inplace")
    function = torch.addmm
    function_ = Tensor.addmm_


class AddMV(InplaceOperation):
    """`torch.addmv`."""

    takes = ("beta", "alpha", "inplace")
    function = torch.addmv
    function_ = Tensor.addmv_


class AddBMM(InplaceOperation):
    """`torch.addbmm`."""

    takes = ("beta", "alpha", "inplace")
    function = torch.addbmm
    function_ = Tensor.addbmm_


class BAddBMM(InplaceOperation):
    """`torch.baddbmm`."""

    takes = ("beta", "alpha", "inplace")
    function = torch.baddbmm
    function_ = Tensor.baddbmm_


class Einsum(Operation):
    """`torch.einsum`."""

    takes = ("equation",)
    function = torch.einsum

    def forward(self, *operands: Any) -> Any:
        return torch.einsum(*self.fixed.values(), *operands)


class TensorDot(Operation):
    """`torch.tensordot`."""

    takes = ("dims",)
    function = torch.tensordot
