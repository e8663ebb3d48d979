"""Parameters that are replaced, tied, pruned, normalized, optimized."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from tests.rewriter.surgery.kinds.kind import Original, surgery


@surgery
def freeze_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    model.get_submodule(name).requires_grad_(False)
    return model


@surgery
def replace_a_weight(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    model.get_submodule(name).weight = nn.Parameter(torch.randn(8, 8))
    return model


@surgery
def tie_weights_later(model: nn.Module, original: Original) -> nn.Module | None:
    names = original.names(nn.Linear)
    if len(names) < 2:
        return None
    model.get_submodule(names[0]).weight = model.get_submodule(names[1]).weight
    return model


@surgery
def prune_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    prune.l1_unstructured(model.get_submodule(name), "weight", amount=0.4)
    return model


@surgery
def prune_every_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            prune.random_unstructured(module, "weight", amount=0.4)
    return model


@surgery
def prune_and_make_it_permanent(model: nn.Module, original: Original) -> nn.Module | None:
    if prune_every_layer(model, original) is None:
        return None
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            prune.remove(module, "weight")
    return model


@surgery
def weight_norm(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    parametrizations.weight_norm(model.get_submodule(name))
    return model


@surgery
def weight_norm_by_hooks(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    nn.utils.weight_norm(model.get_submodule(name))
    return model


@surgery
def spectral_norm_everywhere(model: nn.Module, original: Original) -> nn.Module | None:
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            parametrizations.spectral_norm(module)
    return model


@surgery
def groups_of_parameters(model: nn.Module, original: Original) -> nn.Module | None:
    decayed, others = [], []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            (decayed if name == "weight" else others).append(parameter)
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": 0.1}, {"params": others}], lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return model


@surgery
def an_optimizer_of_all(model: nn.Module, original: Original) -> nn.Module | None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.rand_like(parameter)
    optimizer.step()
    return model
