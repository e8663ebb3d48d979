"""What more bits for a layer would add to the time that a model takes on integers of 8, as parts of that time.

An estimate, from how much each layer multiplies and how large what it is given and returns is: a layer on 16 bits
multiplies twice as often, and stands between real numbers, as a layer in floating point does, which it, what is around
it and an activation behind it go through several times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from runtime.quantization.adjacency import call
from runtime.quantization.calibration import float_tensors, leaf_modules, observing
from runtime.quantization.quantized.sums import is_sum

# In multiplications of integers, of which a processor does 100 and more in the time of one real number.
_REAL_NUMBER = 100.0
_CODE = 10.0
_A_CALL = 2e6
"""What a model takes however small it is."""


def costs_of_more_bits(model: nn.Module, example: Any) -> dict[str, float]:
    """Of each module that computes, by name, in one call."""
    more: dict[str, float] = {}
    whole = _A_CALL

    def count(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(layer: nn.Module, args: Any, output: Any) -> None:
            nonlocal whole
            numbers = sum(tensor.numel() for tensor in float_tensors((args, output)))
            products = _products(layer, output) if is_sum(layer) else 0.0
            more[name] = more.get(name, 0.0) + products + _REAL_NUMBER * numbers
            whole += products + _CODE * numbers

        return hook

    hooks = [layer.register_forward_hook(count(name)) for name, layer in leaf_modules(model).items()]
    with observing(model, hooks):
        call(model, example)
    return {name: number / whole for name, number in more.items()}


def _products(layer: nn.Module, output: Tensor) -> float:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return output.numel() * weight.numel() / max(getattr(layer, "out_channels", weight.shape[0]), 1)
