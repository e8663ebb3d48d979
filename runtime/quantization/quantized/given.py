"""Quantized layers whose weight is an argument of each call, and that know it already."""

from __future__ import annotations

from typing import Any

from torch import nn

from runtime.quantization.arithmetic import Grid, QParams, fake_quantize
from runtime.quantization.given_weights import Given
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import QuantizedEmbedding
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum


class GivenWeight(QuantizedModule):
    """A base in front of the class of the layer. `function` is the module that was replaced."""

    function: nn.Module

    def know(self, function: nn.Module, given: Given) -> None:
        self.function = function
        self._given = given  # in a tuple: its Parameters are their owner's

    def operand(self, args: Any, kwargs: Any) -> Any:
        """What the layer is called with; None where a call has other weights."""
        return self._given.operand(self.function, args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        x = self.operand(args, kwargs)
        if x is not None:
            return super().forward(x)
        result, params = self.function(*args, **kwargs), self.output_params
        return result if params is None else fake_quantize(result, params)


class GivenSum(GivenWeight, QuantizedSum):
    """`F.linear` or a convolution."""


class GivenDynamicSum(GivenWeight, DynamicSum):
    """The same with the scale of each tensor as it comes."""


class GivenEmbedding(GivenWeight, QuantizedEmbedding):
    """`F.embedding`."""


def make_given(
    function: nn.Module, given: Given, output: QParams | None, weight_bits: int, channels: bool
) -> GivenSum | GivenEmbedding:
    """What stands in the place of `function`; it has still to be configured."""
    made: GivenSum | GivenEmbedding
    if isinstance(given.layer, nn.Embedding):
        assert output is not None
        made = GivenEmbedding(given.layer, output)
    else:
        made = GivenSum(given.layer, weight_bits, channels)
    made.know(function, given._replace(layer=made.inner))
    return made


def make_given_dynamic(
    function: nn.Module, given: Given, weight_bits: int, channels: bool, grid: Grid
) -> GivenDynamicSum:
    made = GivenDynamicSum(given.layer, weight_bits, channels, grid)
    made.know(function, given._replace(layer=made.inner))
    return made
