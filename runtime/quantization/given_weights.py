"""Layers whose weights are arguments of each call, as in `F.linear(x, self.weight)`: quantized as if they owned them.

What one run shows decides: every call has to pass the same Parameters. They stay with who owns them, and a call that
has others runs in floating point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from rewriter.torch_api.row import Row
from rewriter.torch_api.traits import Trait
from runtime.modules.base import Operation
from runtime.quantization.adjacency import Adjacency, call
from runtime.quantization.calibration import leaf_modules, observing
from runtime.quantization.known import bound, has, row_of

_GEOMETRY = ("stride", "padding", "output_padding", "dilation", "groups")


class Given(NamedTuple):
    """The layer that a module without a weight is, with what all its calls pass it."""

    layer: nn.Module
    weight: nn.Parameter
    bias: nn.Parameter | None

    def operand(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What the layer is called with; None for a call with another weight or bias.

        While a model is captured there are stand-ins for all Parameters: then it is the call that has run before.
        """
        told = bound(module, args, kwargs)
        same = told["weight"] is self.weight and told.get("bias") is self.bias
        return told["input"] if same or torch.compiler.is_compiling() else None


def find_given(model: nn.Module, example: Any) -> dict[str, Given]:
    """The modules of `model` that are such layers, by name, in one run in eval mode.

    None has a weight that a module which runs owns, as that will hold integers in its place.
    """
    leaves = leaf_modules(model)
    if not any(map(_is_given_weights, leaves.values())):
        return {}
    told: dict[str, list[dict[str, Any]]] = {}
    owned: set[int] = set()
    hooks = []
    for name, module in leaves.items():

        def enter(module: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            owned.update(id(parameter) for parameter in module._parameters.values())
            if _is_given_weights(module):
                told.setdefault(name, []).append({**bound(module, args, kwargs), "input": None})

        hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
    with observing(model, hooks):
        call(model, example)
    found = {name: _given(leaves[name], calls) for name, calls in told.items()}
    return {name: given for name, given in found.items() if given is not None and id(given.weight) not in owned}


def _is_given_weights(module: nn.Module) -> bool:
    return isinstance(module, Operation) and has(module, Trait.WEIGHTED)


def without_given(adjacency: Adjacency, names: Mapping[str, Given]) -> None:
    """Weights are not tensors that go from module to module."""
    for name, given in names.items():
        place = adjacency.places[name]
        tensors = 0 if isinstance(given.layer, nn.Embedding) else 1
        place.sources = [sources[:tensors] for sources in place.sources]


def _given(module: nn.Module, calls: Sequence[Mapping[str, Any]]) -> Given | None:
    row, first = row_of(module), calls[0]
    weight, bias = first["weight"], first.get("bias")
    if row is None or not isinstance(weight, nn.Parameter) or not isinstance(bias, nn.Parameter | None):
        return None
    if any(not _same(first[name], told[name]) for told in calls for name in first):
        return None
    layer = _layer(row, first, weight, bias)
    return None if layer is None else Given(layer, weight, bias)


def _same(one: Any, other: Any) -> bool:
    return one is other if isinstance(one, Tensor) or isinstance(other, Tensor) else bool(one == other)


def _layer(row: Row, told: Mapping[str, Any], weight: nn.Parameter, bias: nn.Parameter | None) -> nn.Module | None:
    """The layer of torch.nn that computes what the function does with this weight."""
    kind = getattr(nn, row.modules[0].name.removeprefix("torch.nn."))
    outputs, inputs = weight.shape[:2]
    settings: dict[str, Any] = {"device": "meta"}
    if kind is nn.Embedding:
        layer: Any = nn.Embedding(outputs, inputs, max_norm=told["max_norm"], **settings)
    elif kind is nn.Linear:
        layer = nn.Linear(inputs, outputs, bias is not None, **settings)
    elif row.spatial:
        groups = told["groups"]
        channels = (outputs, inputs * groups) if issubclass(kind, _ConvTransposeNd) else (inputs * groups, outputs)
        settings |= {name: told[name] for name in _GEOMETRY if name in told}
        layer = kind(*channels, tuple(weight.shape[2:]), bias=bias is not None, **settings)
    else:
        return None
    layer.weight = weight
    if bias is not None:
        layer.bias = bias
    made: nn.Module = layer.eval()
    return made
