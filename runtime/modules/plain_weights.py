"""Weights that torch.nn.utils computes at each call become plain parameters, which is what a quantizer reads.

Weight, spectral and orthogonal normalization, and whatever else is registered as a parametrization, keep a weight in
parts; a hook or a property puts it together. In eval mode it is the same at each call, so it may as well be stored.
So is what torch.nn.utils.prune has masked; its zeros stay zeros when the weight is trained.
"""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

AnyModule = TypeVar("AnyModule", bound=nn.Module)

_REMOVED_BY = {WeightNorm: remove_weight_norm, SpectralNorm: remove_spectral_norm}


def with_plain_weights(model: AnyModule) -> AnyModule:
    """The model itself where no weight is computed, else a copy of it that computes the same."""
    if not computed_weights(model) and not any(_pruned_in(module) for module in model.modules()):
        return model
    model = copied(model)
    make_weights_plain(model)
    return model


def computed_weights(model: nn.Module) -> list[str]:
    """The names of the weights that are put together at each call."""
    return [f"{path}.{name}".lstrip(".") for path, module in model.named_modules() for name in _computed_in(module)]


def make_weights_plain(model: nn.Module, optimizer: Optimizer | None = None) -> None:
    """Stores each computed weight as a Parameter under its own name; the parts that it was made from go."""
    computed = computed_weights(model)
    if computed and optimizer is not None:
        raise ValueError(
            f"{computed[0]!r} is computed at each call, from parts that the optimizer holds and a quantizer takes "
            "away: call runtime.modules.plain_weights.make_weights_plain(model) before the optimizer is made"
        )
    for module in list(model.modules()):
        training, module.training = module.training, False  # else spectral normalization goes one step further
        for hook in _hooks_of(module):
            _REMOVED_BY[type(hook)](module, hook.name)
        for name, mask in without_pruning(module).items():
            getattr(module, name).register_hook(mask.mul)
        if parametrize.is_parametrized(module):
            _take_parametrizations_off(module)
        module.training = training


def _pruned_in(module: nn.Module) -> list[str]:
    hooks = module._forward_pre_hooks.values()
    return [hook._tensor_name for hook in hooks if isinstance(hook, prune.BasePruningMethod)]


def without_pruning(module: nn.Module) -> dict[str, Tensor]:
    """Takes the hooks of torch's pruning out, and returns the masks; each Parameter stays the one that it was."""
    masks = {name: getattr(module, f"{name}_mask") for name in _pruned_in(module)}
    for name in masks:
        prune.remove(module, name)  # type: ignore[no-untyped-call]
    return masks


def _take_parametrizations_off(module: nn.Module) -> None:
    """`parametrize.remove_parametrizations` would change the class, which copies of the module share."""
    parametrizations = _parametrizations(module)
    with torch.no_grad():
        weights = {name: getattr(module, name).clone() for name in parametrizations}
    del module.parametrizations
    module.__class__ = type(module).__bases__[0]  # which torch has derived the module's class from
    for name, weight in weights.items():
        parts = list(parametrizations[name].parameters())
        if parts:
            module.register_parameter(name, nn.Parameter(weight, any(part.requires_grad for part in parts)))
        else:
            module.register_buffer(name, weight)


def copied(model: AnyModule) -> AnyModule:
    """A deep copy, of a model too that keeps tensors with a history, which torch does not copy."""
    with torch.no_grad():
        known = {
            id(value): value.detach().clone()
            for module in model.modules()
            for value in tree_leaves(vars(module))
            if isinstance(value, Tensor) and not value.is_leaf
        }
    return copy.deepcopy(model, known)


def _computed_in(module: nn.Module) -> list[str]:
    return [*(hook.name for hook in _hooks_of(module)), *_parametrizations(module)]


def _parametrizations(module: nn.Module) -> dict[str, nn.Module]:
    return dict(cast(nn.ModuleDict, module.parametrizations)) if parametrize.is_parametrized(module) else {}


def _hooks_of(module: nn.Module) -> list[WeightNorm | SpectralNorm]:
    return [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, (WeightNorm, SpectralNorm))]
