"""Modules that are replaced, or wrapped, by their names."""

from __future__ import annotations

import torch
from torch import nn

from tests.rewriter.surgery.kinds.kind import ACTIVATIONS, NORMS, LoRA, Original, put, surgery


@surgery
def replace_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    put(model, name, nn.Conv1d(1, 1, 1) if isinstance(model.get_submodule(name), nn.Conv1d) else nn.Linear(8, 8))
    return model


@surgery
def replace_a_normalization(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*NORMS)):
        return None
    put(model, name, nn.Identity())
    return model


@surgery
def replace_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*ACTIVATIONS)):
        return None
    put(model, name, nn.GELU())
    return model


@surgery
def replace_an_activation_by_one_with_parameters(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*ACTIVATIONS)):
        return None
    put(model, name, nn.PReLU())
    return model


@surgery
def store_a_function_for_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "act"):
        return None
    model.act = torch.tanh
    return model


@surgery
def put_lora_around_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    put(model, name, LoRA(model.get_submodule(name)))
    return model


@surgery
def replace_an_encoder(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "encode"):
        return None
    model.encode = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
    return model
