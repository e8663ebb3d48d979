"""From a model that was trained quantized to one that computes on integers, with the grids that it was trained for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvTransposeNd

from runtime.modules.places import Tied, module_of, standing
from runtime.quantization.adjacency import call
from runtime.quantization.arithmetic import SMALLEST_SCALE, QParams, per_channel, quantize
from runtime.quantization.calibration import evaluating
from runtime.quantization.fusion import affine_of
from runtime.quantization.inputs import door, explained
from runtime.quantization.metadata import quantizer_metadata, remove_quantizer_metadata
from runtime.quantization.overrides import BITS_KEYS
from runtime.quantization.post_training import PostTrainLinearQuantizer
from runtime.quantization.quantized.sums import QuantizedSum
from runtime.quantization.trained import FoldedNormalization, QuantizedOutput, QuantizedWeights
from runtime.quantization.training_steps import stop_counting_training_steps


class TrainedWeight(NamedTuple):
    integers: Tensor
    params: QParams
    includes_norm: bool


@door("finish_training")
def finish_training(model: nn.Module, dummy_input: Any) -> PostTrainLinearQuantizer:
    """Turns `model` into what `PostTrainLinearQuantizer` would have made of it, in place.

    Weights are the integers, activations lie on the grids, that training with `QuantAwareTrainRangeLinearQuantizer` or
    `LSQQuantizer` ended with. Gives the quantizer, which knows what became of what.
    """
    metadata = quantizer_metadata(model)
    if metadata is None or not any(isinstance(m, (QuantizedOutput, QuantizedWeights)) for m in model.modules()):
        raise ValueError("finish_training needs a model that a quantizer for training has prepared")
    with evaluating(model), torch.no_grad(), explained(model, dummy_input, "dummy_input"):
        call(model, dummy_input)  # weights have changed since their ranges were taken
    ranges, weights = _trained_ranges(model), _trained_weights(model)
    _take_quantizers_out(model)
    norms = {name: m for name, m in model.named_modules() if isinstance(m, _BatchNorm)}
    params = metadata["params"]
    bits = {key: params.get(key) for key in BITS_KEYS[:2]}
    quantizer = PostTrainLinearQuantizer(model, **bits, overrides=_bits_only(params.get("overrides")), ranges=ranges)
    quantizer.prepare_model(dummy_input)
    layers = {host: norms[absorbed] for absorbed, host in quantizer.absorbed.items() if absorbed in norms}
    for name, weight in weights.items():
        layer = model.get_submodule(name)
        if isinstance(layer, QuantizedSum):
            for same in [m for m in model.modules() if isinstance(m, QuantizedSum) and m.inner is layer.inner]:
                _give(same, weight, None if weight.includes_norm else layers.get(name))
    return quantizer


def _trained_ranges(model: nn.Module) -> dict[str, tuple[float, float]]:
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        if isinstance(module, QuantizedOutput):
            if module.output_quantizer is not None:
                found[name] = module.output_quantizer
            found.update({f"{name}:input{position}": q for position, q in module.input_quantizers.items()})
    ranges = {}
    for key, quantizer in found.items():
        if cast(Any, quantizer).observed:  # else it belongs to a module that never ran
            params = cast(Any, quantizer).qparams()
            ranges[key] = (params.lowest.item(), params.highest.item())
    return ranges


def _trained_weights(model: nn.Module) -> dict[str, TrainedWeight]:
    weights = {}
    for name, module in model.named_modules():
        if isinstance(module, FoldedNormalization):
            weight = cast(Tensor, module.layer.weight) * module.factor()
        elif isinstance(module, QuantizedWeights) and module.weight_quantizer is not None:
            weight = cast(Tensor, module.wrapped.weight)
        else:
            continue
        params = cast(Any, module.weight_quantizer).qparams()
        integers = quantize(weight.detach(), params)
        weights[name.removesuffix(".wrapped")] = TrainedWeight(
            integers, params, isinstance(module, FoldedNormalization)
        )
    return weights


def _take_quantizers_out(model: nn.Module) -> None:
    """Puts the modules back that were there before, with what they have learned."""
    stop_counting_training_steps(model)
    remove_quantizer_metadata(model)
    norms = {m.norm_name: m.norm for m in model.modules() if isinstance(m, FoldedNormalization)}
    for parent in list(model.modules()):
        for attribute, child in list(parent._modules.items()):
            if child is not None and (original := _original(child)) is not child:
                setattr(parent, attribute, original)
    for module in list(model.modules()):
        if isinstance(module, Tied):
            standing(module).pin(_original(module_of(module)))
    for name, norm in norms.items():
        parent_name, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent_name), attribute, norm)


def _original(module: nn.Module) -> nn.Module:
    while isinstance(module, (QuantizedOutput, QuantizedWeights)):
        module = module.wrapped
    return module.layer if isinstance(module, FoldedNormalization) else module


def _give(layer: QuantizedSum, weight: TrainedWeight, norm: _BatchNorm | None) -> None:
    """The trained integers and their scale; a normalization that was trained by itself is part of the scale now."""
    integers, scale, granularity = weight.integers, weight.params.scale, weight.params.granularity
    if norm is not None:
        if isinstance(layer.inner, _ConvTransposeNd):
            return  # its channels need not be along one dimension, so the float weights were quantized anew
        factor, _ = affine_of(norm)
        integers = integers * factor.sign().to(integers.dtype).reshape(-1, *[1] * (integers.dim() - 1))
        scale = (scale * factor.abs()).to(torch.float32).clamp(min=SMALLEST_SCALE)
        granularity = per_channel(0)
    layer.integers, layer.weight_scale = integers, scale
    layer.weight_grid, layer.weight_granularity = weight.params.grid, granularity
    if layer.configured:  # the bias is in units of the scale
        layer.configure(layer.input_params, layer.output_params, layer.float_output)


def _bits_only(overrides: Any) -> OrderedDict[str, dict[str, Any]] | None:
    if overrides is None:
        return None
    return OrderedDict((p, {k: v for k, v in settings.items() if k in BITS_KEYS}) for p, settings in overrides.items())
