"""Reductions."""

from __future__ import annotations

import torch

from runtime.modules.base import Operation


class Mean(Operation):
    """`torch.mean`."""

    takes = ("dim", "keepdim", "dtype")
    function = torch.mean


class Sum(Operation):
    """`torch.sum`."""

    takes = ("dim", "keepdim", "dtype")
    function = torch.sum


class Amax(Operation):
    """`torch.amax`."""

    takes = ("dim", "keepdim")
    function = torch.amax


class Amin(Operation):
    """`torch.amin`."""

    takes = ("dim", "keepdim")
    function = torch.amin


class Max(Operation):
    """`torch.max`."""

    takes = ("dim", "keepdim")
    function = torch.max


class Min(Operation):
    """`torch.min`."""

    takes = ("dim", "keepdim")
    function = torch.min


class Norm(Operation):
    """`torch.norm`."""

    takes = ("p", "dim", "keepdim", "dtype")
    function = torch.norm


class VectorNorm(Operation):
    """`torch.linalg.vector_norm`."""

    takes = ("ord", "dim", "keepdim", "dtype")
    function = torch.linalg.vector_norm


class LinalgNorm(Operation):
    """`torch.linalg.norm`."""

    takes = ("ord", "dim", "keepdim", "dtype")
    function = torch.linalg.norm


class LogSumExp(Operation):
    """`torch.logsumexp`."""

    takes = ("dim", "keepdim")
    function = torch.logsumexp


class Prod(Operation):
    """`torch.prod`."""

    takes = ("dtype", "dim", "keepdim")
    function = torch.prod


class Var(Operation):
    """`torch.var`."""

    takes = ("dim", "correction", "keepdim", "unbiased")
    function = torch.var


class Std(Operation):
    """`torch.std`."""

    takes = ("dim", "correction", "keepdim", "unbiased")
    function = torch.std


class SumOf(Operation):
    """Python's `sum` over a sequence of tensors."""

    takes = ("start",)
    function = sum
