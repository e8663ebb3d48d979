"""Convolutions and linear layers."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from runtime import kernels
from runtime.int8.codes import Codes
from runtime.int8.counterparts.base import Int8Module, Int8Weights
from runtime.quantization.arithmetic import multiplier
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.quantized.wide import WideLinear as WideSimulated


class Sum(Int8Weights):
    """Buffers: `weight` int8, `bias` int32, `multiplier` float32, one number an output channel, and `negative` likewise
    where sums below zero have another one."""

    bias: Tensor | None
    multiplier: Tensor
    negative: Tensor | None

    def __init__(self, simulated: QuantizedSum) -> None:
        super().__init__(simulated)
        given, made = simulated.input_params[0], simulated.output_params
        assert given is not None
        factor = multiplier([given.scale, simulated.weight_scale], None if made is None else made.scale)
        self.integers = simulated.integers.to(torch.int8)
        self.register_buffer("bias", simulated.bias)
        self.register_buffer("multiplier", factor.expand(_columns(simulated)).contiguous())
        bent = simulated.slope is not None and made is not None
        negative = simulated.negative.expand(_columns(simulated)).contiguous() if bent else None
        self.register_buffer("negative", negative)
        self.low, self.high = (0, 255) if made is None else simulated.code_bounds


class Linear(Sum):
    """A linear layer; one whose result nobody takes as codes leaves its sums in floating point."""

    def forward(self, x: Tensor) -> Tensor:
        if self.output is not None:
            return cast(Tensor, super().forward(x))
        codes, of = self.given(0, x)
        return kernels.linear_float(codes, self.integers, self.bias, self.multiplier, of.zero)

    def on_codes(self, x: Tensor) -> Tensor:
        codes, of = self.given(0, x)
        of_weight = (self.integers, self.bias, self.multiplier)
        return kernels.linear(codes, *of_weight, of.zero, self.made().zero, self.low, self.high, self.negative)


class WideLinear(Int8Weights):
    """A linear layer that is given 16 bits, between floating point and floating point. Buffers as those of `Sum`, but
    that `bias` is float32."""

    bias: Tensor | None
    multiplier: Tensor

    def __init__(self, simulated: WideSimulated) -> None:
        super().__init__(simulated)
        given = simulated.input_params[0]
        assert given is not None
        self.integers = simulated.integers.to(torch.int8)
        self.scale: float = given.scale.item()
        self.register_buffer("bias", None if simulated.bias is None else simulated.bias.to(torch.float32))
        factor = multiplier([given.scale, simulated.weight_scale])
        self.register_buffer("multiplier", factor.expand(_columns(simulated)).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        return kernels.linear_wide(x, self.integers, self.bias, self.multiplier, self.scale)


class Conv(Sum):
    """A convolution."""

    def __init__(self, simulated: QuantizedSum) -> None:
        super().__init__(simulated)
        inner = cast(_ConvNd, simulated.inner)
        self.stride, self.dilation, self.groups = list(inner.stride), list(inner.dilation), inner.groups
        before = _padding(inner)
        plain = inner.padding_mode == "zeros" and before[::2] == before[1::2]
        self.padding = before[::2][::-1] if plain else [0] * len(self.stride)
        self.pad_before = None if plain or not any(before) else before
        self.pad_mode = "constant" if inner.padding_mode == "zeros" else inner.padding_mode

    def on_codes(self, x: Tensor) -> Tensor:
        codes, of = self.given(0, x)
        images = codes if codes.dim() == len(self.stride) + 2 else codes.unsqueeze(0)
        if self.pad_before is not None:
            images = self._padded(images, self.pad_before, of)
        weights, zeros = (self.integers, self.bias, self.multiplier), (of.zero, self.made().zero)
        geometry = (self.stride, self.padding, self.dilation)
        out = kernels.conv(images, *weights, *zeros, *geometry, self.groups, self.low, self.high, self.negative)
        return out if images.dim() == codes.dim() else out.squeeze(0)

    def _padded(self, images: Tensor, padding: list[int], of: Codes) -> Tensor:
        return F.pad(images, padding, mode=self.pad_mode, value=of.zero if self.pad_mode == "constant" else None)


class ConvTranspose(Sum):
    """A transposed convolution."""

    def on_codes(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        codes, of = self.given(0, x)
        inner = cast(_ConvTransposeNd, self.simulated.inner)
        stride, dilation = list(inner.stride), list(inner.dilation)
        padding = list(cast("tuple[int, ...]", inner.padding))
        images = codes if codes.dim() == len(stride) + 2 else codes.unsqueeze(0)
        more = inner._output_padding(
            codes, output_size, stride, padding, list(inner.kernel_size), len(stride), dilation
        )
        weights, zeros = (self.integers, self.bias, self.multiplier), (of.zero, self.made().zero)
        geometry = (stride, padding, list(more), dilation)
        out = kernels.conv_transpose(
            images, *weights, *zeros, *geometry, inner.groups, self.low, self.high, self.negative
        )
        return out if images.dim() == codes.dim() else out.squeeze(0)


def int8_sum(simulated: QuantizedSum) -> Int8Module:
    inner = simulated.inner
    if isinstance(simulated, WideSimulated):
        return WideLinear(simulated)
    if isinstance(inner, nn.Linear):
        return Linear(simulated)
    return ConvTranspose(simulated) if isinstance(inner, _ConvTransposeNd) else Conv(simulated)


def _columns(simulated: QuantizedSum) -> int:
    if isinstance(simulated.inner, _ConvTransposeNd):
        return simulated.inner.out_channels
    return simulated.integers.shape[0]


def _padding(inner: _ConvNd) -> list[int]:
    """Before and behind, from the last dimension to the first, as torch.nn.functional.pad takes it."""
    if not isinstance(inner.padding, str):
        return [width for width in reversed(inner.padding) for _ in range(2)]
    if inner.padding == "valid":
        return [0, 0] * len(inner.kernel_size)
    totals = [d * (k - 1) for d, k in zip(inner.dilation, inner.kernel_size, strict=True)]
    return [width for total in reversed(totals) for width in (total // 2, math.ceil(total / 2))]
