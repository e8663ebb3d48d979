"""Parameters that are quantized as they are, or from a floating-point copy that goes on being trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rewriter.torch_api.traits import Trait
from runtime.quantization.known import layers_with
from runtime.quantization.overrides import QBits

WEIGHTED = layers_with(Trait.WEIGHTED)
"""Modules whose parameters are quantized; those of a normalization, say, are not."""
LOOKING_UP = tuple(kind for kind in WEIGHTED if kind not in layers_with(Trait.WEIGHTED | Trait.CONTRACTION))
"""Those that return rows of a weight, and sum no products."""
FLOAT_PREFIX = "float_"


class ParameterToQuantize(NamedTuple):
    """A parameter, and the number of bits it gets."""

    module: nn.Module
    module_name: str
    float_name: str
    """The attribute that is read."""
    name: str
    """The attribute that is written."""
    bits: int


def bits_for(module: nn.Module, qbits: QBits) -> QBits:
    """Those of the bits that mean something to a module of this kind."""
    return qbits if isinstance(module, WEIGHTED) else QBits(acts=qbits.acts)


def parameters_to_quantize(
    model: nn.Module, qbits_map: Mapping[str, QBits], keep_float_copies: bool
) -> Iterator[ParameterToQuantize]:
    """All that has bits in the map; with copies, `weight` becomes a buffer, and the Parameter `float_weight`."""
    seen: set[int] = set()
    for name, module in model.named_modules():
        qbits = bits_for(module, qbits_map.get(name, QBits()))
        for attribute, parameter in list(module._parameters.items()):
            bits = qbits.bias if attribute.endswith("bias") else qbits.wts
            if parameter is None or bits is None:
                continue
            if keep_float_copies:
                float_name = _keep_float_copy(module, attribute)
                yield ParameterToQuantize(module, name, float_name, attribute, bits)
            elif id(parameter) not in seen:  # in place, a shared one must not be quantized twice
                yield ParameterToQuantize(module, name, attribute, attribute, bits)
            seen.add(id(parameter))


def requantize(
    float_name: str, name: str, bits: int, function: Callable[[Tensor, int], Tensor], module: nn.Module, _: Any = None
) -> None:
    """Sets the buffer anew from the Parameter, before each forward, so that every backward has its own graph."""
    setattr(module, name, function(getattr(module, float_name), bits))


def forget_graphs(names: Iterable[tuple[str, str]], model: nn.Module, _args: Any, _output: Any) -> None:
    """After a forward of the whole model. A backward has what it needs; a model that holds graphs cannot be copied."""
    for module_name, name in names:
        module = model.get_submodule(module_name)
        setattr(module, name, getattr(module, name).detach())


def _keep_float_copy(module: nn.Module, name: str) -> str:
    """The same Parameter under another name, so that the optimizer goes on with it, and a buffer under its own."""
    float_name = FLOAT_PREFIX + name
    parameter = module._parameters.pop(name)
    assert parameter is not None
    module.register_parameter(float_name, parameter)
    module.register_buffer(name, torch.zeros_like(parameter))
    return float_name
