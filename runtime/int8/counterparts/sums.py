"""Convolutions and linear layers."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from runtime import kernels
from runtime.int8.codes import Codes
from runtime.int8.counterparts.base import Int8Module, Int8Weights
from runtime.quantization.arithmetic import multiplier
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.quantized.wide import WideSum

Geometry = tuple[list[int], list[int], list[int], int]
TransposedGeometry = tuple[list[int], list[int], list[int], list[int]]


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
        negative = simulated.negative().expand(_columns(simulated)).contiguous() if bent else None
        self.register_buffer("negative", negative)
        self.low, self.high = (0, 255) if made is None else simulated.code_bounds()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.output is not None:
            return super().forward(*args, **kwargs)
        return self.in_real_numbers(*args, **kwargs)

    def in_real_numbers(self, *args: Any, **kwargs: Any) -> Tensor:
        """The sums in floating point, where nobody takes them as codes."""
        raise NotImplementedError


class Linear(Sum):
    """A linear layer."""

    def in_real_numbers(self, x: Tensor) -> Tensor:
        codes, of = self.given(0, x)
        return kernels.linear_float(codes, self.integers, self.bias, self.multiplier, of.zero)

    def on_codes(self, x: Tensor) -> Tensor:
        codes, of = self.given(0, x)
        of_weight = (self.integers, self.bias, self.multiplier)
        return kernels.linear(codes, *of_weight, of.zero, self.made().zero, self.low, self.high, self.negative)


class Wide(Int8Weights):
    """A layer that is given 16 bits, between floating point and floating point. Buffers as those of `Sum`, but that
    `bias` is float32."""

    bias: Tensor | None
    multiplier: Tensor

    def __init__(self, simulated: WideSum) -> None:
        super().__init__(simulated)
        given = simulated.input_params[0]
        assert given is not None
        self.integers = simulated.integers.to(torch.int8)
        self.scale: float = given.scale.item()
        self.register_buffer("bias", None if simulated.bias is None else simulated.bias.to(torch.float32))
        factor = multiplier([given.scale, simulated.weight_scale])
        self.register_buffer("multiplier", factor.expand(_columns(simulated)).contiguous())

    @property
    def _of_weight(self) -> tuple[Tensor, Tensor | None, Tensor, float]:
        return self.integers, self.bias, self.multiplier, self.scale


class WideLinear(Wide):
    """A linear layer."""

    def forward(self, x: Tensor) -> Tensor:
        return kernels.linear_wide(x, *self._of_weight)


class WideConv(Wide):
    """A convolution."""

    def __init__(self, simulated: WideSum) -> None:
        super().__init__(simulated)
        inner = cast(_ConvNd, simulated.inner)
        self.geometry, self.pad_before, self.pad_mode = _geometry(inner)

    def forward(self, x: Tensor) -> Tensor:
        images = _batched(x, len(self.geometry[0]))
        if self.pad_before is not None:
            images = F.pad(images, self.pad_before, mode=self.pad_mode)
        return _as_given(kernels.conv_wide(images, *self._of_weight, *self.geometry), x).contiguous()


class WideConvTranspose(Wide):
    """A transposed convolution."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        inner = cast(_ConvTransposeNd, self.simulated.inner)
        geometry = _transposed_geometry(inner, x, output_size)
        images = _batched(x, len(inner.kernel_size))
        return _as_given(kernels.conv_transpose_wide(images, *self._of_weight, *geometry, inner.groups), x).contiguous()


def _batched(codes: Tensor, dims: int) -> Tensor:
    return codes if codes.dim() == dims + 2 else codes.unsqueeze(0)


def _as_given(out: Tensor, x: Tensor) -> Tensor:
    """The result without the batch that was put around a single image."""
    return out if out.dim() == x.dim() else out.squeeze(0)


class Conv(Sum):
    """A convolution."""

    def __init__(self, simulated: QuantizedSum) -> None:
        super().__init__(simulated)
        geometry, self.pad_before, self.pad_mode = _geometry(cast(_ConvNd, simulated.inner))
        self.stride, self.padding, self.dilation, self.groups = geometry

    def on_codes(self, x: Tensor) -> Tensor:
        images, of = self._images(x)
        weights, zeros = (self.integers, self.bias, self.multiplier), (of.zero, self.made().zero)
        geometry = (self.stride, self.padding, self.dilation)
        out = kernels.conv(images, *weights, *zeros, *geometry, self.groups, self.low, self.high, self.negative)
        return _as_given(out, x)

    def in_real_numbers(self, x: Tensor) -> Tensor:
        images, of = self._images(x)
        geometry = (self.stride, self.padding, self.dilation)
        out = kernels.conv_float(images, self.integers, self.bias, self.multiplier, of.zero, *geometry, self.groups)
        return _as_given(out, x).contiguous()

    def _images(self, x: Tensor) -> tuple[Tensor, Codes]:
        """A batch of codes, and what they stand for."""
        codes, of = self.given(0, x)
        images = _batched(codes, len(self.stride))
        return images if self.pad_before is None else self._padded(images, self.pad_before, of), of

    def _padded(self, images: Tensor, padding: list[int], of: Codes) -> Tensor:
        return F.pad(images, padding, mode=self.pad_mode, value=of.zero if self.pad_mode == "constant" else None)


class ConvTranspose(Sum):
    """A transposed convolution."""

    def __init__(self, simulated: QuantizedSum) -> None:
        super().__init__(simulated)
        inner = cast(_ConvTransposeNd, simulated.inner)
        self.stride, self.groups = list(inner.stride), inner.groups

    def on_codes(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        images, of, geometry = self._images(x, output_size)
        weights, zeros = (self.integers, self.bias, self.multiplier), (of.zero, self.made().zero)
        out = kernels.conv_transpose(
            images, *weights, *zeros, *geometry, self.groups, self.low, self.high, self.negative
        )
        return _as_given(out, x)

    def in_real_numbers(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        images, of, geometry = self._images(x, output_size)
        weights = (self.integers, self.bias, self.multiplier)
        return _as_given(
            kernels.conv_transpose_float(images, *weights, of.zero, *geometry, self.groups), x
        ).contiguous()

    def _images(self, x: Tensor, output_size: list[int] | None) -> tuple[Tensor, Codes, TransposedGeometry]:
        """A batch of codes, what they stand for, and how the weights meet them."""
        codes, of = self.given(0, x)
        inner = cast(_ConvTransposeNd, self.simulated.inner)
        return _batched(codes, len(self.stride)), of, _transposed_geometry(inner, codes, output_size)


def int8_sum(simulated: QuantizedSum) -> Int8Module:
    inner = simulated.inner
    if isinstance(simulated, WideSum):
        wide = WideConvTranspose if isinstance(inner, _ConvTransposeNd) else WideConv
        return (WideLinear if isinstance(inner, nn.Linear) else wide)(simulated)
    if isinstance(inner, nn.Linear):
        return Linear(simulated)
    return ConvTranspose(simulated) if isinstance(inner, _ConvTransposeNd) else Conv(simulated)


def _columns(simulated: QuantizedSum) -> int:
    if isinstance(simulated.inner, _ConvTransposeNd):
        return simulated.inner.out_channels
    return simulated.integers.shape[0]


def _geometry(inner: _ConvNd) -> tuple[Geometry, list[int] | None, str]:
    """Stride, padding, dilation and groups, and what has to be padded before that, how."""
    before = _padding(inner)
    plain = inner.padding_mode == "zeros" and before[::2] == before[1::2]
    padding = before[::2][::-1] if plain else [0] * len(inner.stride)
    mode = "constant" if inner.padding_mode == "zeros" else inner.padding_mode
    geometry = (list(inner.stride), padding, list(inner.dilation), inner.groups)
    return geometry, None if plain or not any(before) else before, mode


def _transposed_geometry(inner: _ConvTransposeNd, x: Tensor, output_size: list[int] | None) -> TransposedGeometry:
    """Stride, padding, padding of the output, dilation."""
    stride, kernel, dilation = (list(sizes) for sizes in (inner.stride, inner.kernel_size, inner.dilation))
    padding = list(cast("tuple[int, ...]", inner.padding))
    more = inner._output_padding(x, output_size, stride, padding, kernel, len(stride), dilation)
    return stride, padding, list(more), dilation


def _padding(inner: _ConvNd) -> list[int]:
    """Before and behind, from the last dimension to the first, as torch.nn.functional.pad takes it."""
    if not isinstance(inner.padding, str):
        return [width for width in reversed(inner.padding) for _ in range(2)]
    if inner.padding == "valid":
        return [0, 0] * len(inner.kernel_size)
    totals = [d * (k - 1) for d, k in zip(inner.dilation, inner.kernel_size, strict=True)]
    return [width for total in reversed(totals) for width in (total // 2, math.ceil(total / 2))]
