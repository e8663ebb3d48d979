"""Convolutions and linear layers: weights on integers, one scale an output channel, sums that are exact."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from rewriter.torch_api.traits import Trait
from runtime.modules.attention import LinearRows
from runtime.quantization.arithmetic import (
    PER_TENSOR,
    Granularity,
    Grid,
    QParams,
    multiplier,
    per_channel,
    qparams_of,
    quantize,
)
from runtime.quantization.known import is_a, layers_with
from runtime.quantization.quantized.base import HoldsIntegers, QuantizedModule, centred, zero_of
from runtime.quantization.quantized.weights import weight_qparams

_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
SUMS = layers_with(Trait.WEIGHTED | Trait.CONTRACTION)
_EXACT_IN_FLOAT32 = 2**24
_LARGEST_BIAS = 2**30
"""Leaves as much again for the sum of products."""


def is_sum(module: nn.Module) -> bool:
    """A convolution or linear layer that computes what torch's does."""
    return is_a(module, SUMS)


class QuantizedSum(HoldsIntegers, QuantizedModule):
    """A convolution, transposed convolution or linear layer with quantized weights.

    Buffers: `weight` holds the integers, `weight_scale` their scales, `bias` is int32 in units of input scale times
    weight scale. Without `input_params` nothing but the weight is quantized and `bias` is in floating point.
    """

    weight_scale: Tensor
    bias: Tensor | None

    def __init__(self, module: nn.Module, bits: int, channels: bool) -> None:
        super().__init__(_without_weights(module))
        weight, bias = module.weight, module.bias
        assert isinstance(weight, Tensor) and (bias is None or isinstance(bias, Tensor))
        params = weight_qparams(weight.detach(), bits, _granularity(module, channels))
        self.weight_grid, self.weight_granularity = params.grid, params.granularity
        self.integers = quantize(weight.detach(), params)
        self.register_buffer("weight_scale", params.scale)
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self._float_bias = self.bias

    @property
    def float_bias(self) -> Tensor | None:
        """In real numbers, whatever it is kept as."""
        return self._float_bias

    @property
    def weight_params(self) -> QParams:
        zero_point = torch.zeros_like(self.weight_scale, dtype=torch.int32)
        return QParams(self.weight_scale, zero_point, self.weight_grid, self.weight_granularity)

    def configure(self, inputs: Sequence[QParams | None], output: QParams | None, float_output: bool) -> None:
        super().configure(inputs[:1], output, float_output)
        given = self.input_params[0]
        if given is not None and self._float_bias is not None:
            self._make_room_for(self._float_bias, given.scale)
            unit = given.scale.double() * self.weight_scale.double()
            self.bias = torch.round(self._float_bias.double() / unit).to(torch.int32)

    def _make_room_for(self, bias: Tensor, input_scale: Tensor) -> None:
        """Coarser weights where the bias would not fit 32 bits: beside such a bias they hardly count."""
        least = bias.double().abs() / (input_scale.double() * _LARGEST_BIAS)
        if not self.weight_scale.dim():
            least = least.max()
        if bool((least <= self.weight_scale).all()):
            return
        weight = self.weight
        self.weight_scale = torch.maximum(self.weight_scale, least.to(torch.float32))
        self.integers = quantize(weight, self.weight_params)

    def again(self) -> QuantizedModule:
        twin = super().again()
        twin._buffers["bias"] = self._float_bias
        return twin

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        given = self.input_params[0] if self.configured else None
        if given is None:
            bias = None if self.bias is None else self.bias.to(x.dtype)
            return self.activated(self._operate(x, self.weight.to(x.dtype), bias, *args, **kwargs))
        integers = centred(x, given)
        total = self._total(integers, given, self.bias, *args, **kwargs)
        factor = self._by_channel(multiplier([given.scale, self.weight_scale], self._output_scale()))
        if self.output_params is None:
            return (total.to(torch.float32) * factor).to(x.dtype)
        if self.slope is not None:
            factor = torch.where(total < 0, self._by_channel(self.negative()), factor)
        return self.requantized(total, factor, self.output_params).to(x.dtype)

    def negative(self) -> Tensor:
        """What sums below zero are multiplied with, where an activation was absorbed that has a slope for them."""
        given, made = self.input_params[0], self.output_params
        assert given is not None and made is not None and self.slope is not None
        return multiplier([given.scale, self.weight_scale, self.slope], made.scale)

    def _total(self, integers: Tensor, given: QParams, bias: Tensor | None, *args: Any, **kwargs: Any) -> Tensor:
        """The int32 sums, in a floating-point format that holds every partial one exactly."""
        dtype = self._exact_for(given, bias)
        total = self._operate(integers.to(dtype), self.integers.to(dtype), None, *args, **kwargs)
        return total if bias is None else total + self._by_channel(bias.to(dtype))

    def _exact_for(self, given: QParams, bias: Tensor | None) -> torch.dtype:
        """The narrowest format that holds every partial sum; a graph goes by no numbers that are computed."""
        zero_point = zero_of(given)
        if torch.compiler.is_exporting():
            return torch.float64
        largest = max(zero_point - given.grid.low, given.grid.high - zero_point)
        bound = largest * self._rows(self.integers.to(torch.float32).abs()).sum(1).max().item()
        if bias is not None:
            bound += bias.double().abs().max().item()
        return torch.float32 if bound < _EXACT_IN_FLOAT32 else torch.float64

    def _operate(self, x: Tensor, weight: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any) -> Tensor:
        return operate(self.inner, x, weight, bias, *args, **kwargs)

    def _rows(self, weight: Tensor) -> Tensor:
        """One row an output channel."""
        if isinstance(self.inner, _ConvTransposeNd):
            groups = self.inner.groups
            rows = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]).movedim(2, 1)
            return rows.reshape(groups * weight.shape[1], -1)
        return weight.flatten(1)

    def _by_channel(self, values: Tensor) -> Tensor:
        spatial = len(self.inner.kernel_size) if isinstance(self.inner, _ConvNd) else 0
        return values.reshape(-1, *[1] * spatial) if values.dim() else values

    def _output_scale(self) -> Tensor | None:
        return None if self.output_params is None else self.output_params.scale


class DynamicSum(QuantizedSum):
    """The same with the scale of what it is given taken from each tensor as it comes; the result is real."""

    def __init__(self, module: nn.Module, bits: int, channels: bool, grid: Grid) -> None:
        super().__init__(module, bits, channels)
        self.input_grid = grid

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if x.numel() == 0:
            return self._operate(x, self.weight.to(x.dtype), self.bias, *args, **kwargs)
        given = qparams_of(x, self.input_grid, symmetric=False)
        total = self._total(centred(x, given), given, None, *args, **kwargs)
        real = total.to(torch.float32) * self._by_channel(multiplier([given.scale, self.weight_scale]))
        return (real if self.bias is None else real + self._by_channel(self.bias)).to(x.dtype)


def operate(module: nn.Module, x: Tensor, weight: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any) -> Tensor:
    """What a convolution or linear layer computes, on this weight and bias."""
    if isinstance(module, _ConvTransposeNd):
        return _transposed(module, x, weight, bias, *args, **kwargs)
    if isinstance(module, _ConvNd):
        convolved: Tensor = module._conv_forward(x, weight, bias)
        return convolved
    return F.linear(x, weight, bias)


def _transposed(
    module: _ConvTransposeNd, x: Tensor, weight: Tensor, bias: Tensor | None, output_size: list[int] | None = None
) -> Tensor:
    dims = len(module.kernel_size)
    padding: Any = module.padding
    output_padding = module._output_padding(
        x, output_size, list(module.stride), list(padding), list(module.kernel_size), dims, list(module.dilation)
    )
    return _TRANSPOSED[dims](x, weight, bias, module.stride, padding, output_padding, module.groups, module.dilation)


def _granularity(module: nn.Module, channels: bool) -> Granularity:
    if not channels:
        return PER_TENSOR
    if isinstance(module, _ConvTransposeNd):
        # Channels of several groups lie in one row of the weight, which then has one scale.
        return per_channel(1) if module.groups == 1 else PER_TENSOR
    return per_channel(0)


def _without_weights(module: nn.Module) -> nn.Module:
    """Another object with the same settings."""
    if isinstance(module, LinearRows):
        bare: nn.Module = nn.Linear(module.in_features, module.out_features, module.bias is not None, device="meta")
    else:
        bare = copy.copy(module)
    bare._parameters = dict.fromkeys(("weight", "bias"))
    bare._buffers, bare._modules = {}, {}
    return bare
