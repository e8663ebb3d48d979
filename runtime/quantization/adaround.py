"""AdaRound: weights rounded up or down as the layer's result needs it, not each to its nearest (Nagel et al., 2020).

The squared error of a layer's result is a quadratic form in the change of its weights, with the moments of the layer's
inputs as its matrix. So the data are run once, and all steps of the search are products with that matrix.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from runtime.quantization.layer_inputs import Moments, folded_norms, folded_weight, has_rows, input_moments, weight_rows
from runtime.quantization.quantized.sums import QuantizedSum

STRETCH_LOW, STRETCH_HIGH = -0.1, 1.1
WARM_UP = 0.2
"""The part of the steps that lets every weight find its place between two integers, before it has to choose."""
FIRST_SHARPNESS, LAST_SHARPNESS = 20.0, 2.0
STEP = 0.1
URGE = 100.0
"""What indecision costs, in units of the nearest integers' error; less leaves weights undecided at the end."""


class Rounded(NamedTuple):
    """The mean squared error of a layer's result, from the rounding of its weights alone."""

    nearest: float
    chosen: float


def adaround(quantized: nn.Module, reference: nn.Module, data: Iterable[Any], steps: int = 500) -> dict[str, Rounded]:
    """Chooses anew how the weights of `quantized` are rounded, in place; scales stay.

    `quantized` is what `PostTrainLinearQuantizer` has made of a model, `reference` that model as it was before, and
    `data` some hundred of its inputs, as for calibration. Linear layers and convolutions in one and two dimensions are
    searched; a layer keeps its nearest integers where nothing better is found.
    """
    norms = folded_norms(quantized, reference)
    layers = {
        name: module
        for name, module in quantized.named_modules()
        if isinstance(module, QuantizedSum) and has_rows(reference.get_submodule(name))
    }
    if not layers:
        raise ValueError("adaround found no quantized weight; prepare the model with PostTrainLinearQuantizer first")
    moments = input_moments(reference, layers, data)
    if not moments:
        raise ValueError("adaround has seen no input of any layer: the data are empty")
    rounded = {}
    for name, of_inputs in moments.items():
        layer = reference.get_submodule(name)
        weight = folded_weight(layer, norms.get(name))
        rounded[name] = _round_layer(layers[name], layer, weight, of_inputs, steps)
    return rounded


def _round_layer(quantized: QuantizedSum, layer: nn.Module, weight: Tensor, moments: Moments, steps: int) -> Rounded:
    params = quantized.weight_params
    scale = params.granularity.spread(params.scale, weight).expand_as(weight)
    target, spacing = weight_rows(layer, weight / scale), weight_rows(layer, scale)
    nearest = weight_rows(layer, quantized.integers.to(torch.float32))
    chosen = _search(target, spacing, nearest, moments, (params.grid.low, params.grid.high), steps)
    errors = [moments.error((integers - target) * spacing) for integers in (nearest, chosen)]
    if errors[1] < errors[0]:
        quantized.integers.copy_(chosen.reshape(quantized.integers.shape))
    return Rounded(errors[0], min(errors))


@torch.enable_grad()
def _search(
    target: Tensor, spacing: Tensor, nearest: Tensor, moments: Moments, bounds: tuple[int, int], steps: int
) -> Tensor:
    """The integers next to `target` that change the layer's result least; the paper's relaxation."""
    below = torch.floor(target.clamp(*bounds))
    part = ((target - below).clamp(0, 1) - STRETCH_LOW) / (STRETCH_HIGH - STRETCH_LOW)
    choice = torch.logit(part).requires_grad_()
    optimizer = torch.optim.Adam([choice], lr=STEP)
    outputs = target.shape[0] * target.shape[1]
    unit = outputs * max(moments.error((nearest - target) * spacing), torch.finfo(torch.float32).tiny)
    for step in range(steps):
        share = (torch.sigmoid(choice) * (STRETCH_HIGH - STRETCH_LOW) + STRETCH_LOW).clamp(0, 1)
        integers = (below + share).clamp(*bounds)
        with torch.no_grad():  # the gradient of the error, whose value nobody needs
            slope = 2 * moments.times((integers - target) * spacing) * spacing / unit
        optimizer.zero_grad()
        undecided = _undecided(share, step / steps)
        torch.autograd.backward([integers, undecided], [slope, torch.full_like(undecided, URGE / choice.numel())])
        optimizer.step()
    return (below + (choice.detach() >= 0)).clamp(*bounds)


def _undecided(share: Tensor, progress: float) -> Tensor:
    """How many weights lie between two integers still; ever more of the way there counts as there."""
    if progress < WARM_UP:
        return 0.0 * share.sum()
    left = 1 - (progress - WARM_UP) / (1 - WARM_UP)
    sharpness = LAST_SHARPNESS + (FIRST_SHARPNESS - LAST_SHARPNESS) * left
    return (1 - (2 * share - 1).abs().pow(sharpness)).sum()
