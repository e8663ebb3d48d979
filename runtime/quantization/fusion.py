"""What need not be quantized by itself, because the module before it computes it as well.

A batch normalization behind a convolution or linear layer becomes part of its weight and bias. A ReLU becomes the end
of the grid: integers that start at zero hold no negative number. A PReLU or leaky ReLU becomes another multiplier of
sums below zero. All are found by running the model on an example and following the tensors from module to module, so
control flow is not an obstacle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from itertools import chain
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import Parameter
from torch.nn.utils import parametrize

from runtime.modules.places import Tied, module_of
from runtime.quantization.adjacency import Adjacency, find_adjacency
from runtime.quantization.known import OPERANDS, has, is_a, row_of, settings
from runtime.quantization.quantized.sums import is_sum
from runtime.quantization.standing import StandsFor


class Absorbed(StandsFor, nn.Identity):
    """Stands where a module stood that another one computes now; names of modules stay."""

    def __init__(self, module: nn.Module, into: str) -> None:
        super().__init__()
        self.kind = type(module).__name__
        self.into = into
        self._settings = SimpleNamespace(**{k: v for k, v in vars(module).items() if not k.startswith("_")})

    def stood_for(self) -> SimpleNamespace | None:
        return self.__dict__.get("_settings")

    def extra_repr(self) -> str:
        return f"{self.kind} into {self.into}"


def fold_batch_norms(model: nn.Module, example: Any) -> dict[str, str]:
    """Folds each batch normalization that alone follows a convolution or linear layer, in place, for eval mode.

    `example` is an input of the model: a tensor, a tuple of arguments or a dict of them. Gives the names of the
    normalizations that are gone and of the layers that compute them now.
    """
    if not any(isinstance(module, _BatchNorm) for module in model.modules()):
        return {}  # without a run, which takes long where there are many steps
    adjacency = find_adjacency(model, example)
    modules = dict(model.named_modules())
    holders = _holders_of_parameters(model)
    folded: dict[str, str] = {}
    for name in list(adjacency.places):
        layer, after = modules[name], adjacency.only_consumer(name)
        norm = modules.get(after or "")
        if after is None or not is_a(norm, _BatchNorm) or norm.running_mean is None:
            continue
        if isinstance(layer, nn.Linear) and adjacency.places[name].dimensions != 2:
            continue  # with more dimensions the normalization's channels are not the layer's features
        if _owns_its_weight(layer, holders) and _owns_its_weight(norm, holders):
            _fold(layer, norm)
            parent, _, attribute = after.rpartition(".")
            setattr(model.get_submodule(parent), attribute, Absorbed(norm, name))
            folded[after] = name
    return folded


def find_fused_activations(
    model: nn.Module, adjacency: Adjacency, can_absorb: Callable[[str, str], bool], folded: Collection[str] = ()
) -> dict[str, str]:
    """The activations that modules compute which alone feed them, and those modules.

    `can_absorb(name, activation)` tells whether the module of that name can. What is in `folded` is looked through.
    """
    fused: dict[str, str] = {}
    for name in adjacency.places:
        after = adjacency.only_consumer(name)
        if after in folded:
            after = adjacency.only_consumer(after) if after else None
        if name not in folded and after is not None and adjacency.places[after].settled and can_absorb(name, after):
            fused[after] = name
    return fused


def upper_clamp(module: nn.Module) -> float | None:
    """Where a module clamps that leaves numbers from zero to there as they are, and makes zero of negative ones."""
    low, high = _clamped_between(module)
    return high if low == 0 else None


def negative_slope(module: nn.Module) -> Tensor | None:
    """What a module multiplies negative numbers with that leaves others as they are: one number, or one a channel."""
    if is_a(module, nn.PReLU):
        return module.weight.detach()
    row = row_of(module)
    slope = settings(module).get("negative_slope") if row is not None and row.op == "leaky_relu" else None
    return torch.tensor([float(slope)]) if isinstance(slope, (int, float)) else None


def absorbs(layer: nn.Module, activation: nn.Module, dimensions: int) -> bool:
    """Whether the results of `layer`, of so many dimensions, can go through `activation` before they get a grid."""
    weighted = is_sum(layer) or is_a(layer, _BatchNorm)
    if upper_clamp(activation) is not None:
        return weighted or has(layer, OPERANDS)
    slope = negative_slope(activation)
    if slope is None or not weighted:
        return False
    return slope.numel() == 1 or slope.numel() == _channels(layer, dimensions)


def _channels(layer: nn.Module, dimensions: int) -> int | None:
    """Of a result of so many dimensions, where they lie along the second of them."""
    if isinstance(layer, _BatchNorm):
        return layer.num_features
    if isinstance(layer, _ConvNd):
        return layer.out_channels if dimensions == len(layer.kernel_size) + 2 else None
    return layer.weight.shape[0] if dimensions == 2 else None  # type: ignore[index, return-value]


def saturation(module: nn.Module, bits: int) -> tuple[float, float]:
    """Beyond which inputs the result of `module` stays within half a step of what it tends to, on a grid of `bits`."""
    steps = 2**bits - 1
    row = row_of(module)
    if row is not None and row.op in _TENDING:
        return _TENDING[row.op](steps)
    low, high = _clamped_between(module)
    return (low, high) if math.isfinite(high) else (-math.inf, math.inf)


def _around_zero(end: float) -> tuple[float, float]:
    return -end, end


_TENDING: dict[str, Callable[[int], tuple[float, float]]] = {
    "sigmoid": lambda steps: _around_zero(math.log(2 * steps - 1)),
    "tanh": lambda steps: _around_zero(math.atanh(1 - 1 / steps)),
    "hardsigmoid": lambda _: (-3.0, 3.0),
    "hardswish": lambda _: (-3.0, math.inf),
}


def _clamped_between(module: nn.Module) -> tuple[float, float]:
    """The bounds of an operation that does nothing but hold numbers between them; infinite where there is none."""
    row = row_of(module)
    if row is None or not row.clamps:
        return -math.inf, math.inf
    told = settings(module)
    bounds = [told[name] if name in told else float(name) for name in row.clamps]
    low, high = (bound if isinstance(bound, (int, float)) else None for bound in [*bounds, None][:2])
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


def _fold(layer: nn.Module, norm: _BatchNorm) -> None:
    factor, shift = affine_of(norm)
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Parameter)
    if isinstance(layer, _ConvTransposeNd):  # (in, out / groups, ...)
        per_output = factor.reshape(layer.groups, 1, -1).expand(-1, weight.shape[0] // layer.groups, -1)
        spread = per_output.reshape(weight.shape[:2] + (1,) * (weight.dim() - 2))
    else:
        spread = factor.reshape(-1, *[1] * (weight.dim() - 1))
    with torch.no_grad():
        folded_bias = shift if bias is None else bias.double() * factor + shift  # type: ignore[operator]
        layer.weight = Parameter((weight.double() * spread).to(weight.dtype), weight.requires_grad)
        layer.bias = Parameter(folded_bias.to(weight.dtype), weight.requires_grad)


def affine_of(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """What a batch normalization does in eval mode, as a factor and a summand a channel, in float64."""
    assert norm.running_mean is not None and norm.running_var is not None
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    factor = (variance + norm.eps).rsqrt()
    if norm.weight is not None:
        factor = factor * norm.weight.detach().double()
    shift = -mean * factor
    return factor, shift if norm.bias is None else shift + norm.bias.detach().double()


def _owns_its_weight(module: nn.Module, holders: dict[int, int]) -> bool:
    """A layer or normalization whose parameters are Parameters of its own and nobody else's."""
    if not is_a(module, (_ConvNd, nn.Linear, _BatchNorm)) or parametrize.is_parametrized(module):
        return False
    if not isinstance(module, _BatchNorm) and module._parameters.get("weight") is None:
        return False
    return all(holders[id(parameter)] == 1 for parameter in module._parameters.values() if parameter is not None)


def _holders_of_parameters(model: nn.Module) -> dict[int, int]:
    """How often each parameter is reached from the model: twice where it is tied."""
    holders: dict[int, int] = {}
    called_again = (module_of(module) for module in model.modules() if isinstance(module, Tied))
    others = (parameter for module in called_again for parameter in module.parameters())
    for parameter in chain((p for _, p in model.named_parameters(remove_duplicate=False)), others):
        holders[id(parameter)] = holders.get(id(parameter), 0) + 1
    return holders
