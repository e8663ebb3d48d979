"""Bias correction: what rounding has moved a layer's mean result by is taken back (Nagel et al., 2019)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.calibration import evaluating, run_batch
from runtime.quantization.layer_inputs import folded_norms
from runtime.quantization.quantized.given import GivenWeight
from runtime.quantization.quantized.sums import QuantizedSum, operate


def correct_biases(quantized: nn.Module, reference: nn.Module, batch: Any) -> dict[str, Tensor]:
    """Changes the biases of `quantized` in place, and returns the change of each layer's, by output channel.

    `quantized` is what `PostTrainLinearQuantizer` has made of a model, `reference` that model as it was before, and
    `batch` one large batch of its inputs, a hundred samples or more. A layer is corrected right before it runs, so what
    it is given has been corrected already, and one forward does it all. Layers that run more than once are left.
    """
    wanted = _mean_results(quantized, reference, batch)
    changes: dict[str, Tensor] = {}

    def correct(name: str) -> Callable[[nn.Module, Any], None]:
        def hook(layer: nn.Module, args: Any) -> None:
            assert isinstance(layer, QuantizedSum)
            changes[name] = wanted[name] - _mean(layer.inner, _simulated(layer, *args))
            _add_to_bias(layer, changes[name])

        return hook

    with ExitStack() as stack:
        stack.enter_context(evaluating(quantized))
        stack.enter_context(torch.no_grad())
        for name in wanted:
            stack.callback(quantized.get_submodule(name).register_forward_pre_hook(correct(name)).remove)
        run_batch(quantized, batch)
    return changes


def _mean_results(quantized: nn.Module, reference: nn.Module, batch: Any) -> dict[str, Tensor]:
    """What each quantized layer, with its normalization, returns on average in the reference."""
    norms = folded_norms(quantized, reference)
    names = {module: name for name, module in reference.named_modules()}
    means: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            calls[name] += 1
            means[name] = _mean(reference.get_submodule(name), output)

        return hook

    with ExitStack() as stack:
        stack.enter_context(evaluating(reference))
        stack.enter_context(torch.no_grad())
        for name, module in quantized.named_modules():
            if isinstance(module, QuantizedSum) and not isinstance(module, GivenWeight):
                measured = reference.get_submodule(names[norms[name]] if name in norms else name)
                stack.callback(measured.register_forward_hook(note(name)).remove)
        run_batch(reference, batch)
    if not means:
        raise ValueError("no quantized layer has run; prepare the model with PostTrainLinearQuantizer first")
    return {name: mean for name, mean in means.items() if calls[name] == 1}


def _simulated(layer: QuantizedSum, x: Tensor, *args: Any) -> Tensor:
    """The layer's result before an activation and before it is rounded."""
    weight = layer.weight
    return operate(layer.inner, x.to(torch.float32), weight, layer._float_bias, *args)


def _mean(layer: nn.Module, result: Tensor) -> Tensor:
    """By output channel, in float64."""
    channels = -1 if isinstance(layer, nn.Linear) else 1
    return result.movedim(channels, 0).flatten(1).mean(1, dtype=torch.float64)


def _add_to_bias(layer: QuantizedSum, change: Tensor) -> None:
    before = layer._float_bias
    layer._float_bias = layer.bias = change.float() if before is None else (before.double() + change).to(before.dtype)
    if layer.configured:  # where it is kept in units of the scales
        layer.configure(layer.input_params, layer.output_params, layer.float_output)
