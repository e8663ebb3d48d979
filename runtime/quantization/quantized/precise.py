"""Softmax and normalizations of which every runtime rounds the same number.

In float32 two ways of summing differ in the last place, which is another code once in some millions. So all of them are
computed in float64, but for a normalization of integers: sums of integers are exact in float64, and behind them each
number goes through operations of float32 that round once, in an order that is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map_only

from rewriter.torch_api.traits import Trait
from runtime.quantization.known import row_of, settings


def normalizes(inner: nn.Module) -> bool:
    """Whether `normalized` computes what `inner` does."""
    row = row_of(inner)
    if row is None or Trait.NORMALIZATION | Trait.ROWS not in row.traits:
        return False
    told = settings(inner)
    return told.get("p") is None and told.get("running_mean") is None  # a length, and statistics of training


def normalized(integers: Tensor, scale: float, told: Mapping[str, Any]) -> Tensor:
    """Integers by their deviation, as a layer, group or instance norm or, where `told` has no bias, by their root mean
    square.

    Runtimes are slow in float64, in which only the sums are here.
    """
    eps = torch.finfo(torch.float32).eps if told["eps"] is None else told["eps"]
    eps, last = eps / scale**2, 0
    if "num_groups" in told:
        together = integers.reshape(len(integers), told["num_groups"], -1)
        rows, last = _over_deviation(together, [-1], eps).reshape(integers.shape), integers.dim() - 2
    elif "use_input_stats" in told:
        last = integers.dim() - 2
        rows = _over_deviation(integers, list(range(-last, 0)), eps)
    else:
        dims = list(range(-len(told["normalized_shape"]), 0))
        rows = _over_deviation(integers, dims, eps) if "bias" in told else _over_magnitude(integers, dims, eps)
    for name, apply in (("weight", torch.mul), ("bias", torch.add)):
        if (numbers := told.get(name)) is not None:
            rows = apply(rows, numbers.to(torch.float32).reshape(*numbers.shape, *[1] * last))
    return rows


def _over_deviation(integers: Tensor, dims: list[int], eps: float) -> Tensor:
    exact = integers.double()
    mean = exact.mean(dims, keepdim=True)
    square = (exact * exact).mean(dims, keepdim=True) - mean * mean
    return (integers - mean.to(torch.float32)) * (square + eps).sqrt().reciprocal().to(torch.float32)


def _over_magnitude(integers: Tensor, dims: list[int], eps: float) -> Tensor:
    exact = integers.double()
    square = (exact * exact).mean(dims, keepdim=True)
    return integers * (square + eps).sqrt().reciprocal().to(torch.float32)


def in_double(inner: nn.Module, args: Any, kwargs: Any) -> Tensor:
    """The module's result in float32, rounded once."""
    if settings(inner, args[1:], kwargs).get("eps", 0.0) is None:  # which goes by the type
        return cast(Tensor, inner(*args, **kwargs))
    held = chain(inner.named_parameters(), inner.named_buffers())
    wide = {name: tensor.double() for name, tensor in held if tensor.is_floating_point()}
    result: Tensor = functional_call(inner, wide, *doubled((args, kwargs)))
    return result.to(torch.float32)


def doubled(values: Any) -> Any:
    return tree_map_only(Tensor, lambda x: x.double() if x.is_floating_point() else x, values)
