"""Containers and numbers that change."""

from __future__ import annotations

from torch import nn

from tests.rewriter.surgery.kinds.kind import Original, put, surgery


@surgery
def append_a_block(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    model.get_submodule(name).append(nn.Linear(8, 8))  # type: ignore[operator]
    return model


@surgery
def insert_a_block(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    model.get_submodule(name).insert(0, nn.Linear(8, 8))  # type: ignore[operator]
    return model


@surgery
def delete_a_block(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    del model.get_submodule(name)[0]  # type: ignore[attr-defined]
    return model


@surgery
def replace_the_list_of_blocks(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleList)):
        return None
    put(model, name, nn.ModuleList([nn.Linear(8, 8) for _ in range(5)]))
    return model


@surgery
def add_a_name_to_a_dict(model: nn.Module, original: Original) -> nn.Module | None:
    if not (name := original.first(nn.ModuleDict)):
        return None
    model.get_submodule(name)["c"] = nn.Linear(8, 8)  # type: ignore[operator]
    return model


@surgery
def append_to_a_sequential(model: nn.Module, original: Original) -> nn.Module | None:
    if not isinstance(model, nn.Sequential):
        return None
    return model.append(nn.Linear(8, 8))


@surgery
def more_steps(model: nn.Module, original: Original) -> nn.Module | None:
    if not isinstance(getattr(original.model, "steps", None), int):
        return None
    model.steps = 7  # type: ignore[assignment]
    return model


@surgery
def fewer_steps(model: nn.Module, original: Original) -> nn.Module | None:
    if not isinstance(getattr(original.model, "steps", None), int):
        return None
    model.steps = 1  # type: ignore[assignment]
    return model
