"""Hooks, and forwards that are patched."""

from __future__ import annotations

from torch import nn

from tests.rewriter.surgery.kinds.kind import ACTIVATIONS, Original, surgery


@surgery
def hook_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    model.get_submodule(name).register_forward_hook(lambda module, args, out: out * 2)
    return model


@surgery
def hook_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(*ACTIVATIONS)):
        return None
    model.get_submodule(name).register_forward_hook(lambda module, args, out: out + 1)
    return model


@surgery
def hook_before_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    model.get_submodule(name).register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    return model


@surgery
def hook_every_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda module, args, out: out * 2)
    return model


@surgery
def hook_gradients(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear, nn.Conv1d)):
        return None
    model.get_submodule(name).register_full_backward_hook(lambda module, given, got: (given[0] * 2,))
    return model


@surgery
def hook_an_encoder(model: nn.Module, original: Original) -> nn.Module | None:
    if not hasattr(original.model, "encode"):
        return None
    model.encode.register_forward_hook(lambda module, args, out: out * 3)  # type: ignore[union-attr]
    return model


@surgery
def patch_the_forward_of_a_layer(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Linear)):
        return None
    layer = model.get_submodule(name)
    forward = layer.forward
    layer.forward = lambda x: forward(x).abs()  # type: ignore[method-assign]
    return model
