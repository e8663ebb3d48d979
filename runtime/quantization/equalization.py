"""Cross-layer equalization: channels of neighbouring layers share their magnitude evenly (Nagel et al., 2019).

Where only a ReLU is between two layers, a channel may be made smaller in the first and larger in the second without any
change of the result. Weights that share one scale, and activations that share one always, lose less to rounding then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from rewriter.torch_api.traits import Trait
from runtime.quantization.adjacency import Adjacency, find_adjacency
from runtime.quantization.fusion import fold_batch_norms
from runtime.quantization.inputs import door
from runtime.quantization.known import has, is_a

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class Pair(NamedTuple):
    first: str
    second: str


@door("equalize")
def equalize(model: nn.Module, example: Any, rounds: int = 10) -> list[Pair]:
    """Equalizes `model` in place, for eval mode, and returns the pairs of layers that it found.

    Batch normalizations are folded first. Channels are multiplied with powers of two only, so apart from that folding
    the model's results stay the same bit for bit. `example` is an input of the model.
    """
    fold_batch_norms(model, example)
    pairs = list(_pairs(model, find_adjacency(model, example)))
    for _ in range(rounds):  # each pair changes its neighbours
        changes = [_equalize_pair(model.get_submodule(p.first), model.get_submodule(p.second)) for p in pairs]
        if not any(changes):
            break
    return pairs


def _pairs(model: nn.Module, adjacency: Adjacency) -> Iterator[Pair]:
    """Layers that alone hold their weights, with nothing between them that would notice the scale of a channel."""
    holders = Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
    modules = {
        name: module
        for name, module in model.named_modules()
        if not isinstance(module, LAYERS) or all(holders[id(parameter)] == 1 for parameter in module.parameters())
    }
    for first in adjacency.places:
        if not is_a(modules.get(first), LAYERS):
            continue
        second = adjacency.only_consumer(first)
        while second is not None and has(modules.get(second), Trait.HOMOGENEOUS):
            second = adjacency.only_consumer(second)
        if second is not None and _fit(modules[first], modules.get(second)):
            yield Pair(first, second)


def _fit(first: nn.Module, second: nn.Module | None) -> bool:
    """Whether the channels that one returns are the channels that the other takes."""
    if is_a(first, nn.Linear) and is_a(second, nn.Linear):
        return first.out_features == second.in_features
    return is_a(first, _ConvNd) and is_a(second, LAYERS) and isinstance(second, _ConvNd)


@torch.no_grad()
def _equalize_pair(first: nn.Module, second: nn.Module) -> bool:
    """Brings the largest weights of each channel nearest to each other; says whether anything changed."""
    weight, by_input = cast(Tensor, first.weight), _by_input_channel(second)
    reach, later_reach = weight.flatten(1).abs().amax(1), by_input.abs().amax(dim=(1, 3)).flatten()
    factor = torch.exp2(torch.round(torch.log2(reach / later_reach) / 2))
    factor = torch.where((reach > 0) & (later_reach > 0), factor, torch.ones_like(factor))
    weight /= factor.reshape(-1, *[1] * (weight.dim() - 1))
    if isinstance(first.bias, Tensor):
        first.bias /= factor
    by_input *= factor.reshape(by_input.shape[0], 1, by_input.shape[2], 1)
    return bool((factor != 1).any())


def _by_input_channel(layer: nn.Module) -> Tensor:
    """A view of the weight as (groups, outputs, inputs, kernel)."""
    weight, groups = cast(Tensor, layer.weight), cast(int, getattr(layer, "groups", 1))
    return weight.detach().view(groups, weight.shape[0] // groups, weight.shape[1], -1)
