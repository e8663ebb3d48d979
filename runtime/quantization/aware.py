"""Training with quantization in the loop: weights on the grid of their own range, values on one that is followed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.optim import Optimizer

from runtime.modules.handles import TiedHandle
from runtime.modules.places import module_of, standing
from runtime.quantization.arithmetic import PER_TENSOR, Granularity, Grid, per_channel
from runtime.quantization.fake_quantizers import ActivationFakeQuantizer, WeightFakeQuantizer
from runtime.quantization.modes import LinearQuantMode
from runtime.quantization.overrides import QBits
from runtime.quantization.parameters import WEIGHTED
from runtime.quantization.placement import Placement
from runtime.quantization.quantizer import Quantizer
from runtime.quantization.trained import QuantizedOutput, QuantizedWeights, fold_normalization
from runtime.quantization.training_steps import Phases, count_training_steps

WIDEST_SIMULATED_BIAS = 16
"""A bias of more bits is as good as exact, and stays in floating point."""


class TrainingQuantizer(Quantizer):
    """Places what quantizes during training; a subclass says what that is.

    Steps, which `start_after` (quantizing at all) and `freeze_bn_after` (normalizations keep their running statistics)
    count, are forwards of the model in training mode. Give `prepare_model` a dummy input: without one it cannot know
    which modules make up one operation, nor where the model's inputs go.
    """

    placement: Placement

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        bits_activations: int | None = None,
        bits_weights: int | None = None,
        bits_bias: int | None = None,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
        per_channel_wts: bool = True,
        quantize_inputs: bool = True,
        num_bits_inputs: int | None = None,
        start_after: int = 0,
        freeze_bn_after: int | None = None,
    ) -> None:
        super().__init__(model, optimizer, bits_activations, bits_weights, bits_bias, overrides)
        self.per_channel_wts = per_channel_wts
        self.quantize_inputs = quantize_inputs
        self.num_bits_inputs = num_bits_inputs
        self.phases = Phases(start_after, freeze_bn_after)
        self.replacement_factory[nn.Module] = self._quantized

    def weight_quantizer(self, weight: nn.Parameter, bits: int, granularity: Granularity) -> nn.Module:
        raise NotImplementedError(f"{type(self).__name__} must say in weight_quantizer what quantizes a weight")

    def activation_quantizer(self, bits: int, never_negative: bool) -> nn.Module:
        raise NotImplementedError(f"{type(self).__name__} must say in activation_quantizer what quantizes a value")

    def _pre_prepare_model(self, dummy_input: Any) -> None:
        self.placement = Placement(self.model, dummy_input)

    def _post_prepare_model(self) -> None:
        count_training_steps(self.model, self.phases)

    def _quantized(
        self,
        module: nn.Module,
        name: str,
        qbits_map: Mapping[str, QBits],
        per_channel_wts: bool | None = None,
    ) -> nn.Module:
        """With quantized weights, and with its values on a grid where it ends an operation."""
        qbits, layer = qbits_map[name], module
        if isinstance(module, WEIGHTED) and (qbits.wts is not None or qbits.bias is not None):
            by_channel = self.per_channel_wts if per_channel_wts is None else per_channel_wts
            layer = self._quantized_layer(module, qbits, weight_granularity(module) if by_channel else PER_TENSOR)
        return self._with_quantized_values(layer, name, qbits.acts)

    def _quantized_layer(self, layer: nn.Module, qbits: QBits, granularity: Granularity) -> nn.Module:
        weight, bias = None, None
        if qbits.wts is not None:
            weight = self.weight_quantizer(layer.weight, qbits.wts, granularity)  # type: ignore[arg-type]
        if qbits.bias is not None and qbits.bias <= WIDEST_SIMULATED_BIAS:
            bias = _bias_quantizer(layer, qbits.bias)
        return QuantizedWeights(layer, weight, bias)

    def _with_quantized_values(self, module: nn.Module, name: str, bits: int | None) -> nn.Module:
        if bits is None:
            return module
        output = None
        if self.placement.quantizes_output(name):
            output = self.activation_quantizer(bits, self.placement.never_negative(name))
        positions = self.placement.raw_inputs(name) if self.quantize_inputs else ()
        inputs = {p: self.activation_quantizer(self.num_bits_inputs or bits, False) for p in positions}
        return module if output is None and not inputs else QuantizedOutput(module, output, inputs)

    def _whole_handle(self, handle: TiedHandle, name: str) -> nn.Module:
        """Another call of the same layer: its weights are one, the grids of its values are not."""
        _, replacement = self._visited.get(module_of(handle), (name, module_of(handle)))
        standing(handle).pin(replacement.wrapped if isinstance(replacement, QuantizedOutput) else replacement)
        quantized = self._with_quantized_values(handle, name, self.module_qbits_map[name].acts)
        if quantized is not handle:
            self._adopt(quantized, handle, name, self.module_qbits_map[name])
        return quantized


class QuantAwareTrainRangeLinearQuantizer(TrainingQuantizer):
    """Weights on the symmetric grid of their range; values on that of a moving average of theirs.

    With `fold_bn` a normalization that follows a layer is trained as a part of its weights. `freeze_scales_after` is
    counted in steps, too.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        bits_activations: int | None = None,
        bits_weights: int | None = None,
        bits_bias: int | None = None,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
        mode: LinearQuantMode | str = LinearQuantMode.ASYMMETRIC_UNSIGNED,
        ema_decay: float = 0.99,
        per_channel_wts: bool = True,
        quantize_inputs: bool = True,
        num_bits_inputs: int | None = None,
        start_after: int = 0,
        freeze_bn_after: int | None = None,
        freeze_scales_after: int | None = None,
        fold_bn: bool = True,
    ) -> None:
        super().__init__(
            model,
            optimizer,
            bits_activations,
            bits_weights,
            bits_bias,
            overrides,
            per_channel_wts,
            quantize_inputs,
            num_bits_inputs,
            start_after,
            freeze_bn_after,
        )
        self.phases = Phases(start_after, freeze_bn_after, freeze_scales_after)
        self.mode = LinearQuantMode(mode)
        self.ema_decay = ema_decay
        self.fold_bn = fold_bn

    def weight_quantizer(self, weight: nn.Parameter, bits: int, granularity: Granularity) -> nn.Module:
        return WeightFakeQuantizer(weight, Grid(bits, signed=True, restricted=True), granularity)

    def activation_quantizer(self, bits: int, never_negative: bool) -> nn.Module:
        return ActivationFakeQuantizer(self.mode.grid(bits), self.mode.symmetric, self.ema_decay)

    def _post_prepare_model(self) -> None:
        if self.fold_bn:
            for layer, norm in self.placement.normalizations():
                fold_normalization(self.model, layer, norm)
        super()._post_prepare_model()


def _bias_quantizer(layer: nn.Module, bits: int) -> nn.Module | None:
    bias = getattr(layer, "bias", None)
    return None if bias is None else WeightFakeQuantizer(bias, Grid(bits, signed=True, restricted=True))


def weight_granularity(layer: nn.Module) -> Granularity:
    """A scale for each output channel; rows of an embedding, which are picked and not summed, share one."""
    if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        return PER_TENSOR
    if isinstance(layer, _ConvTransposeNd):  # channels of several groups lie in one row
        return per_channel(1) if layer.groups == 1 else PER_TENSOR
    return per_channel(0)
