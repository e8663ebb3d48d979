"""Softmax and normalizations in float64, so that every runtime rounds the same number.

In float32 two ways of summing differ in the last place, which is another code once in some millions.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map_only

from rewriter.torch_api.traits import Trait
from runtime.quantization.known import has, settings


def is_precise(inner: nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether a call computes rows that float64 changes by nothing but rounding; a default `eps` goes by the type."""
    return has(inner, Trait.ROWS) and settings(inner, args[1:], kwargs).get("eps", 0.0) is not None


def in_double(inner: nn.Module, args: Any, kwargs: Any) -> Tensor:
    """The module's result in float32, rounded once."""
    held = chain(inner.named_parameters(), inner.named_buffers())
    wide = {name: tensor.double() for name, tensor in held if tensor.is_floating_point()}
    result: Tensor = functional_call(inner, wide, *doubled((args, kwargs)))
    return result.to(torch.float32)


def doubled(values: Any) -> Any:
    return tree_map_only(Tensor, lambda x: x.double() if x.is_floating_point() else x, values)
