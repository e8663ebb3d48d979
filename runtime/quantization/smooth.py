"""SmoothQuant: features that are large in activations hand some of it to the weights (Xiao et al., 2022).

A normalization's result goes to linear layers. Where a feature of it is divided by a factor, and the weights that it
meets are multiplied by the same, nothing changes but how evenly the features fill one common scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from runtime.quantization.adjacency import Adjacency, call, find_adjacency
from runtime.quantization.calibration import evaluating, observing, run_batch
from runtime.quantization.inputs import door
from runtime.quantization.known import is_a

NORMALIZATIONS = (nn.LayerNorm, nn.RMSNorm)


@door("smooth")
def smooth(model: nn.Module, data: Iterable[Any], example: Any, alpha: float = 0.5) -> dict[str, list[str]]:
    """Smooths `model` in place, and returns the linear layers that took over, by the normalization in front of them.

    `alpha` is how much of the difficulty goes over: 0 none, 1 all of it. Factors are powers of two, so results stay the
    same bit for bit; every normalization's change is tried on `example`, an input of the model, and taken back if that
    shows otherwise, because a weight is used elsewhere as well, say.
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must be from 0 to 1, not {alpha}")
    found = _linears_after_normalizations(model, find_adjacency(model, example))
    largest = _largest_by_feature(model, found, data)
    smoothed = {}
    for name, linears in found.items():
        layers = [cast(nn.Linear, model.get_submodule(linear)) for linear in linears]
        factor = _factors(largest[name], layers, alpha)
        if (factor != 1).any() and _keeps_results(model, name, layers, factor, example):
            smoothed[name] = linears
    return smoothed


def _linears_after_normalizations(model: nn.Module, adjacency: Adjacency) -> dict[str, list[str]]:
    """Normalizations with a weight that only linear layers take, each run once."""
    modules = dict(model.named_modules())
    found = {}
    for name, place in adjacency.places.items():
        norm, consumers = modules[name], list(dict.fromkeys(place.consumers))
        if not is_a(norm, NORMALIZATIONS) or norm.weight is None or place.calls != 1 or None in consumers:
            continue
        linears = [consumer for consumer in consumers if consumer is not None]
        layers = [modules[linear] for linear in linears]
        if layers and all(is_a(m, nn.Linear) and norm.normalized_shape == (m.in_features,) for m in layers):
            found[name] = linears
    return found


def _largest_by_feature(model: nn.Module, norms: Iterable[str], data: Iterable[Any]) -> dict[str, Tensor]:
    """The largest magnitude of each feature of what each normalization returns."""
    largest: dict[str, Tensor] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(norm: nn.Module, args: Any, output: Tensor) -> None:
            now = output.abs().flatten(0, -2).amax(0)
            largest[name] = torch.maximum(largest[name], now) if name in largest else now

        return hook

    hooks = [model.get_submodule(name).register_forward_hook(note(name)) for name in norms]
    with observing(model, hooks):
        for batch in data:
            run_batch(model, batch)
    if hooks and not largest:
        raise ValueError("smooth has seen no activation: the data are empty")
    return largest


def _factors(largest: Tensor, layers: list[nn.Linear], alpha: float) -> Tensor:
    weights = torch.stack([layer.weight.detach().abs().amax(0) for layer in layers]).amax(0)
    factor = torch.exp2(torch.round(torch.log2(largest) * alpha - torch.log2(weights) * (1 - alpha)))
    return torch.where((largest > 0) & (weights > 0), factor, torch.ones_like(factor))


def _keeps_results(model: nn.Module, name: str, layers: list[nn.Linear], factor: Tensor, example: Any) -> bool:
    """Applies the factors if the model returns the same with them."""
    norm = model.get_submodule(name)
    with evaluating(model), torch.no_grad():
        before = _tensors(call(model, example))
        _apply(norm, layers, factor)
        if all(torch.equal(one, other) for one, other in zip(before, _tensors(call(model, example)), strict=True)):
            return True
        _apply(norm, layers, factor.reciprocal())
    return False


def _apply(norm: nn.Module, layers: list[nn.Linear], factor: Tensor) -> None:
    for parameter in (norm.weight, getattr(norm, "bias", None)):
        if isinstance(parameter, Tensor):
            parameter /= factor
    for layer in layers:
        layer.weight.mul_(factor)


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
