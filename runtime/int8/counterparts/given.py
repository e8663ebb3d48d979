"""Layers whose weight is an argument of each call, and that have its integers already."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd

from runtime.int8.counterparts.base import Int8Module
from runtime.int8.counterparts.moved import Embedding
from runtime.int8.counterparts.sums import Conv, ConvTranspose, Linear
from runtime.quantization.quantized.given import GivenEmbedding, GivenSum, GivenWeight


class WeightGiven(Int8Module):
    """A base in front of the class of the layer."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        simulated = self.simulated
        assert isinstance(simulated, GivenWeight)
        x = simulated.operand(args, kwargs)
        return self.in_float(*args, **kwargs) if x is None else super().forward(x)


class LinearGiven(WeightGiven, Linear):
    """`F.linear`."""


class ConvGiven(WeightGiven, Conv):
    """A convolution."""


class ConvTransposeGiven(WeightGiven, ConvTranspose):
    """A transposed convolution."""


class EmbeddingGiven(WeightGiven, Embedding):
    """`F.embedding`."""


def given_counterpart(simulated: GivenWeight) -> Int8Module:
    if isinstance(simulated, GivenEmbedding):
        return EmbeddingGiven(simulated)
    assert isinstance(simulated, GivenSum)
    if isinstance(simulated.inner, nn.Linear):
        return LinearGiven(simulated)
    return ConvTransposeGiven(simulated) if isinstance(simulated.inner, _ConvTransposeNd) else ConvGiven(simulated)
