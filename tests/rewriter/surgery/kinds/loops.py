"""Loops over all modules of a model."""

from __future__ import annotations

from torch import nn

from tests.rewriter.surgery.kinds.kind import ACTIVATIONS, LoRA, Original, Rounded, children, put, surgery
from tests.rewriter.surgery.kinds.replacing import replace_a_layer


@surgery
def initialize_by_apply(model: nn.Module, original: Original) -> nn.Module | None:
    return model.apply(lambda m: nn.init.normal_(m.weight) and None if isinstance(m, nn.Linear) else None)


@surgery
def initialize_all_modules(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.BatchNorm1d):
            module.reset_parameters()
    return model


@surgery
def initialize_whatever_has_a_weight(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if getattr(module, "weight", None) is not None:
            nn.init.uniform_(module.weight)  # type: ignore[arg-type]
    return model


@surgery
def round_each_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for owner, name, child in list(children(model)):
        if isinstance(child, nn.Linear | nn.Conv1d):
            setattr(owner, name, Rounded(child))
    return model


@surgery
def round_activations_by_name(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(*ACTIVATIONS):
        return None
    for name in original.names(*ACTIVATIONS):
        put(model, name, Rounded(model.get_submodule(name)))
    return model


@surgery
def put_lora_around_every_layer(model: nn.Module, original: Original) -> nn.Module | None:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            put(model, name, LoRA(module))
    return model


@surgery
def put_lora_around_every_child(model: nn.Module, original: Original) -> nn.Module | None:
    for owner, name, child in list(children(model)):
        if isinstance(child, nn.Linear):
            setattr(owner, name, LoRA(child))
    return model


@surgery
def put_new_layers(model: nn.Module, original: Original) -> nn.Module | None:
    for owner, name, child in list(children(model)):
        if isinstance(child, nn.Linear):
            setattr(owner, name, nn.Linear(child.in_features, child.out_features))
    return model


@surgery
def replace_every_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(*ACTIVATIONS):
        return None
    for owner, name, child in list(children(model)):
        if isinstance(child, ACTIVATIONS):
            setattr(owner, name, nn.SiLU())
    return model


@surgery
def convert_to_synchronized_normalization(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.BatchNorm1d):
        return None
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model.train = lambda mode=True: nn.Module.train(model, False)  # type: ignore[method-assign]
    return model


@surgery
def a_sequential_of_its_children(model: nn.Module, original: Original) -> nn.Module | None:
    return nn.Sequential(*model.children())


@surgery
def replace_a_layer_and_then_round_all(model: nn.Module, original: Original) -> nn.Module | None:
    if replace_a_layer(model, original) is None:
        return None
    return round_each_layer(model, original)
