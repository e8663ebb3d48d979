"""Settings of modules that are built."""

from __future__ import annotations

from torch import nn

from tests.rewriter.surgery.kinds.kind import Original, surgery


@surgery
def set_an_activation(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.LeakyReLU)):
        return None
    model.get_submodule(name).negative_slope = 0.7  # type: ignore[assignment]
    return model


@surgery
def set_a_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Dropout)):
        return None
    model.get_submodule(name).p = 0.9  # type: ignore[assignment]
    return model


@surgery
def set_every_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.Dropout):
        return None
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1
    return model


@surgery
def evaluate_a_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.Dropout)):
        return None
    train = model.train

    def train_but_one(mode: bool = True) -> nn.Module:
        train(mode)
        model.get_submodule(name).eval()
        return model

    model.train = train_but_one  # type: ignore[method-assign]
    return model


@surgery
def monte_carlo_dropout(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.Dropout):
        return None

    def train(mode: bool = True) -> nn.Module:
        nn.Module.train(model, mode)
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.train()
        return model

    model.train = train  # type: ignore[method-assign]
    return model


@surgery
def turn_in_place_off(model: nn.Module, original: Original) -> nn.Module | None:
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    return model


@surgery
def freeze_normalizations(model: nn.Module, original: Original) -> nn.Module | None:
    if not original.first(nn.BatchNorm1d):
        return None

    def train(mode: bool = True) -> nn.Module:
        nn.Module.train(model, mode)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
                module.requires_grad_(False)
        return model

    model.train = train  # type: ignore[method-assign]
    return model
