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

from runtime.quantization.known import row_of, settings


def normalizes(inner: nn.Module) -> bool:
    """Whether `normalized` computes what `inner` does."""
    row = row_of(inner)
    return row is not None and row.op in ("layer_norm", "rms_norm")


def normalized(integers: Tensor, scale: float, told: Mapping[str, Any]) -> Tensor:
    """Rows of integers by their deviation, as a layer norm or, where `told` has no bias, by their root mean square.

    Runtimes are slow in float64, in which only the sums are here.
    """
    dims = list(range(-len(told["normalized_shape"]), 0))
    exact = integers.double()
    square = (exact * exact).mean(dims, keepdim=True)
    if "bias" in told:
        mean = exact.mean(dims, keepdim=True)
        square, integers = square - mean * mean, integers - mean.to(torch.float32)
    eps = torch.finfo(torch.float32).eps if told["eps"] is None else told["eps"]
    rows = integers * (square + eps / scale**2).sqrt().reciprocal().to(torch.float32)
    weight, bias = told["weight"], told.get("bias")
    rows = rows if weight is None else rows * weight.to(torch.float32)
    return rows if bias is None else rows + bias.to(torch.float32)


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
