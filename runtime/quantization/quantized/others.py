"""Modules that compute in floating point between integers, that only pass integers on, and embeddings."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from rewriter.torch_api.traits import Trait
from runtime.quantization.arithmetic import QParams, dequantize, multiplier, quantize
from runtime.quantization.known import has, settings
from runtime.quantization.quantized.base import HoldsIntegers, QuantizedModule, centred
from runtime.quantization.quantized.precise import in_double, normalized, normalizes


class QuantizedInner(QuantizedModule):
    """Computes in floating point and puts the result on integers: a table of an activation, a softmax, a layer norm."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        result = self.in_float(*args, **kwargs)
        return self.given_back(result, args) if args and isinstance(result, Tensor) else result

    def computed(self, *args: Any, **kwargs: Any) -> Any:
        if self.output_params is None or not has(self.inner, Trait.ROWS):
            return self.inner(*args, **kwargs)
        x, given = args[0], self.input_params[0]
        if given is None or not normalizes(self.inner):
            return in_double(self.inner, args, kwargs).to(x.dtype)
        told = settings(self.inner, args[1:], kwargs)
        return normalized(centred(x, given), given.scale.item(), told).to(x.dtype)


class QuantizedPReLU(QuantizedModule):
    """One slope for the negative numbers of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        given, made = self.input_params[0], self.output_params
        if given is None or made is None or x.dim() < 2:
            result: Tensor = self.in_float(x)
            return result
        numbers, slopes = centred(x, given), self.negative().reshape(-1, *[1] * (x.dim() - 2))
        total = numbers.clamp(min=0) * multiplier([given.scale], made.scale) + numbers.clamp(max=0) * slopes
        return self.requantized(total, torch.ones_like(made.scale), made).to(x.dtype)

    def negative(self) -> Tensor:
        """What integers below zero are multiplied with."""
        given, made = self.input_params[0], self.output_params
        assert isinstance(self.inner.weight, Tensor) and given is not None and made is not None
        return multiplier([given.scale, self.inner.weight.detach()], made.scale)


class Carried(QuantizedModule):
    """Gives integers that it was given, or zero: pooling by maximum, ReLU, reshaping, dropout out of training.

    Both sides lie on one grid: `output_params` are `input_params[0]`.
    """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner(*args, **kwargs)


class QuantizedEmbedding(HoldsIntegers, QuantizedModule):
    """Rows of integers; the grid is that of the whole table, so that rare rows are held as well as frequent ones.

    The buffer `weight` holds integers on the grid of `output_params`.
    """

    def __init__(self, module: nn.Embedding, params: QParams) -> None:
        bare = copy.copy(module)
        bare._parameters = {"weight": None}
        super().__init__(bare)
        self.integers = quantize(module.weight.detach(), params)
        self.embedding_dim = module.embedding_dim

    @property
    def weight_params(self) -> QParams:
        params = self.output_params
        assert params is not None
        return params

    def forward(self, tokens: Tensor) -> Tensor:
        return dequantize(self.integers[tokens], self.weight_params)


class Half(QuantizedModule):
    """A module that stays in floating point, but with 16 bits: its weights, what it is given and what it computes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module.half())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        narrow_args, narrow_kwargs = _floats_as(torch.float16, (args, kwargs))
        return _floats_as(torch.float32, self.inner(*narrow_args, **narrow_kwargs))


def _floats_as(dtype: torch.dtype, values: Any) -> Any:
    return tree_map_only(Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, values)
