"""Removes pruned filters and channels for real: the smaller model returns what the masked one does.

A channel can go when all layers that write it write zeros, or when no layer reads it. A pruned filter writes zeros only
if nothing behind it adds to them, so `silence` prunes the biases and normalizations of such channels as well.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.optim import Optimizer

from runtime.quantization.adjacency import call
from runtime.quantization.calibration import evaluating, float_tensors
from runtime.quantization.metadata import quantizer_metadata, unwrapped
from runtime.schedule.channels import ChannelGroup, channel_groups, output_dimension, weights_of
from runtime.schedule.masks import Masks

TOLERANCE = 1e-5
"""How far outputs may be apart, as a fraction of the largest; sums of fewer numbers are rounded otherwise."""


@dataclass
class Recipe:
    """What is left of each tensor of a model, and the sizes that its layers then have. It can be kept and repeated."""

    kept: dict[str, list[tuple[int, list[int]]]] = field(default_factory=dict)
    """Parameter or buffer -> for each dimension that shrinks, the indices that stay."""
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Layer -> attributes such as out_channels."""

    def __bool__(self) -> bool:
        return bool(self.kept)

    def plain(self) -> dict[str, Any]:
        kept = {name: [[dimension, indices] for dimension, indices in entry] for name, entry in self.kept.items()}
        return {"kept": kept, "sizes": self.sizes}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Recipe:
        kept = {name: [(dimension, list(indices)) for dimension, indices in e] for name, e in plain["kept"].items()}
        return cls(kept, {name: dict(sizes) for name, sizes in plain["sizes"].items()})


def thin(model: nn.Module, dummy_input: Any, masks: Masks | None = None, optimizer: Optimizer | None = None) -> Recipe:
    """Removes, in place, all channels that are pruned; masks and the optimizer's state become smaller with them.

    The outputs for `dummy_input` are compared before anything is changed; where they would differ it is an error.
    """
    model = unwrapped(model)
    if quantizer_metadata(model) is not None:
        raise ValueError("a model is thinned before it is quantized: give the thinning an earlier epoch")
    groups = channel_groups(model, dummy_input)
    silence(model, groups, masks)
    recipe = recipe_for(model, groups)
    if recipe:
        _check_equal(model, recipe, dummy_input)
        apply_recipe(model, recipe, masks, optimizer)
    return recipe


def silence(model: nn.Module, groups: Iterable[ChannelGroup], masks: Masks | None = None) -> None:
    """Where all filters of a channel are pruned, prunes the biases and normalizations that would add to its zeros."""
    for group in groups:
        dead = _dead(model, group)
        if not any(dead):
            continue
        for member in group.members:
            layer = model.get_submodule(member.layer)
            places = [p for channel, place in enumerate(member.places) if dead[channel] for p in place]
            if member.role == "consumes" or isinstance(layer, nn.PReLU):
                continue
            for attribute in ("weight", "bias"):
                parameter = getattr(layer, attribute, None)
                if parameter is not None:
                    _zero(f"{member.layer}.{attribute}", parameter, output_dimension(layer), places, masks)


def recipe_for(model: nn.Module, groups: Iterable[ChannelGroup]) -> Recipe:
    """Which channels can go; of each group at least one stays."""
    outputs: dict[str, set[int]] = {}
    inputs: dict[str, set[int]] = {}
    for group in groups:
        gone = [dead or unread for dead, unread in zip(_dead(model, group), _unread(model, group), strict=True)]
        if all(gone):
            gone[0] = False
        for member in group.members:
            removed = inputs if member.role == "consumes" else outputs
            places = {p for channel, place in enumerate(member.places) if gone[channel] for p in place}
            removed.setdefault(member.layer, set()).update(places)
    recipe = Recipe()
    for name, layer in model.named_modules():
        _add_layer(recipe, name, layer, outputs.get(name, set()), inputs.get(name, set()))
    return recipe


def apply_recipe(
    model: nn.Module, recipe: Recipe, masks: Masks | None = None, optimizer: Optimizer | None = None
) -> None:
    """Makes the tensors smaller; parameters stay the objects that they are, so an optimizer goes on with them."""
    tensors: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, entry in recipe.kept.items():
        tensor = tensors[name]
        state = optimizer.state.get(tensor, {}) if optimizer is not None else {}
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == tensor.shape:
                state[key] = _selected(value, entry)
        if masks is not None and name in masks and (mask := masks[name]).mask is not None:
            mask.mask = _selected(mask.mask, entry)
        tensor.data = _selected(tensor.data, entry)
        tensor.grad = None
    for name, sizes in recipe.sizes.items():
        for attribute, size in sizes.items():
            setattr(model.get_submodule(name), attribute, size)


def _dead(model: nn.Module, group: ChannelGroup) -> list[bool]:
    """Which channels have only filters of zeros."""
    return _all_zero(model, group, "produces")


def _unread(model: nn.Module, group: ChannelGroup) -> list[bool]:
    """Which channels every reader multiplies with zeros."""
    return _all_zero(model, group, "consumes")


def _all_zero(model: nn.Module, group: ChannelGroup, role: Any) -> list[bool]:
    zero = [bool(group.having(role))] * group.channels
    for weight, places in weights_of(model, group, role):
        rows = (weight == 0).flatten(1).all(1).tolist()
        zero = [so_far and all(rows[p] for p in place) for so_far, place in zip(zero, places, strict=True)]
    return zero


def _zero(name: str, parameter: Tensor, dimension: int, places: list[int], masks: Masks | None) -> None:
    dimension = min(dimension, parameter.dim() - 1)
    with torch.no_grad():
        parameter.movedim(dimension, 0)[places] = 0.0
    if masks is not None:
        mask = masks[name]
        if mask.mask is None:
            mask.mask = torch.ones_like(parameter, dtype=torch.bool)
        mask.mask.movedim(dimension, 0)[places] = False


def _add_layer(recipe: Recipe, name: str, layer: nn.Module, outputs: set[int], inputs: set[int]) -> None:
    if not outputs and not inputs:
        return
    sizes = recipe.sizes.setdefault(name, {})
    if isinstance(layer, _BatchNorm):
        sizes["num_features"] = layer.num_features - len(outputs)
        for attribute in ("weight", "bias", "running_mean", "running_var"):
            _add(recipe, f"{name}.{attribute}", getattr(layer, attribute), 0, outputs)
    elif isinstance(layer, nn.PReLU):
        del recipe.sizes[name]
        if layer.num_parameters > 1:
            recipe.sizes[name] = {"num_parameters": layer.num_parameters - len(outputs)}
            _add(recipe, f"{name}.weight", layer.weight, 0, outputs)
    elif isinstance(layer, _ConvNd) and layer.groups > 1:
        left = layer.out_channels - len(outputs)
        sizes.update(out_channels=left, in_channels=left, groups=left)
        for attribute in ("weight", "bias"):
            _add(recipe, f"{name}.{attribute}", getattr(layer, attribute), 0, outputs)
    else:
        kind = "channels" if isinstance(layer, _ConvNd) else "features"
        dimension = output_dimension(layer)
        for direction, gone, along in (("out", outputs, dimension), ("in", inputs, 1 - dimension)):
            if gone:
                sizes[f"{direction}_{kind}"] = getattr(layer, f"{direction}_{kind}") - len(gone)
                _add(recipe, f"{name}.weight", layer.weight, along, gone)
        _add(recipe, f"{name}.bias", layer.bias, 0, outputs)


def _add(recipe: Recipe, name: str, tensor: Any, dimension: int, gone: set[int]) -> None:
    if tensor is not None and gone:
        stays = [index for index in range(tensor.shape[dimension]) if index not in gone]
        recipe.kept.setdefault(name, []).append((dimension, stays))


def _selected(tensor: Tensor, entry: list[tuple[int, list[int]]]) -> Tensor:
    for dimension, stays in entry:
        tensor = tensor.index_select(dimension, torch.tensor(stays, device=tensor.device))
    return tensor


def _check_equal(model: nn.Module, recipe: Recipe, dummy_input: Any) -> None:
    smaller = copy.deepcopy(model)
    apply_recipe(smaller, recipe)
    with evaluating(model), evaluating(smaller), torch.no_grad():
        expected, found = (float_tensors(call(m, dummy_input)) for m in (model, smaller))
    for one, other in zip(expected, found, strict=True):
        scale = max(one.abs().max().item(), 1.0) if one.numel() else 1.0
        if one.shape != other.shape or not torch.allclose(one, other, rtol=0, atol=TOLERANCE * scale):
            raise ValueError(
                "the thinned model would return something else than the masked one, so it was left as it is: "
                "an operation of this model makes something other than zero of a pruned channel's zeros"
            )
