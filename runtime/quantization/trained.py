"""What stands in a model that trains quantized: layers with quantized weights, and modules with quantized outputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvTransposeNd
from torch.utils._pytree import tree_flatten, tree_unflatten

from runtime.modules.attention import LinearRows
from runtime.quantization.fusion import Absorbed
from runtime.quantization.standing import StandsFor

SMALLEST_FACTOR = 1e-12


class QuantizedWeights(StandsFor):
    """Runs a layer with what `weight` makes of its weight, and `bias` of its bias."""

    gives_parameters = True

    def __init__(self, wrapped: nn.Module, weight: nn.Module | None, bias: nn.Module | None = None) -> None:
        super().__init__()
        self.wrapped = wrapped
        self.weight_quantizer = weight
        self.bias_quantizer = bias

    def stood_for(self) -> nn.Module | None:
        return self._modules.get("wrapped")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        weight, bias = cast(Tensor, self.wrapped.weight), cast("Tensor | None", getattr(self.wrapped, "bias", None))
        if self.weight_quantizer is not None:
            weight = self.weight_quantizer(weight)
        if self.bias_quantizer is not None and bias is not None:
            bias = self.bias_quantizer(bias)
        return run_with(self.wrapped, weight, bias, *args, **kwargs)


class FoldedNormalization(StandsFor):
    """A layer and the normalization after it, trained with the weights that the two have when they are one.

    What is put on the grid is the weight times the normalization's factor, by its running variance; the factor is
    taken away again, so that the normalization sees the batch as it does without quantization. In evaluation, and
    while the normalization is frozen, this is exactly the layer with the normalization folded in.
    """

    gives_parameters = True

    def __init__(self, layer: nn.Module, norm: _BatchNorm, norm_name: str, weight: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.norm = norm
        self.norm_name = norm_name
        """Where the normalization stood."""
        self.weight_quantizer = weight

    def stood_for(self) -> nn.Module | None:
        return self._modules.get("layer")

    def forward(self, x: Tensor) -> Tensor:
        weight, factor = cast(Tensor, self.layer.weight), self.factor()
        folded = self.weight_quantizer(weight * factor)
        bias = cast("Tensor | None", self.layer.bias)
        normalized: Tensor = self.norm(run_with(self.layer, folded / factor, bias, x))
        return normalized

    def factor(self) -> Tensor:
        """What the normalization multiplies each channel with, in the shape of the weight; never zero."""
        variance = self.norm.running_var
        assert variance is not None
        factor = torch.rsqrt(variance + self.norm.eps)
        if self.norm.affine:
            factor = factor * self.norm.weight
        factor = torch.where(factor.abs() < SMALLEST_FACTOR, torch.ones_like(factor), factor)
        weight = cast(Tensor, self.layer.weight)
        if isinstance(self.layer, _ConvTransposeNd):
            # (in, out / groups, ...): the factors of the groups lie along the first dimension.
            groups = self.layer.groups
            factor = factor.reshape(groups, 1, -1).expand(-1, weight.shape[0] // groups, -1)
            return factor.reshape(weight.shape[0], weight.shape[1], *[1] * (weight.dim() - 2))
        return factor.reshape(-1, *[1] * (weight.dim() - 1))


def fold_normalization(model: nn.Module, layer_name: str, norm_name: str) -> None:
    """Makes a quantized layer and its normalization one; what stood in the normalization's place passes on."""
    quantized, inside = _find(model, layer_name, QuantizedWeights)
    norm, outside = _find(model, norm_name, _BatchNorm)
    if not isinstance(quantized, QuantizedWeights) or quantized.weight_quantizer is None:
        return
    assert isinstance(norm, _BatchNorm)
    folded = FoldedNormalization(quantized.wrapped, norm, norm_name, quantized.weight_quantizer)
    folded.training = quantized.training
    inside(folded)
    outside(Absorbed(norm, layer_name))


def _find(model: nn.Module, name: str, kind: type[nn.Module]) -> tuple[nn.Module, Callable[[nn.Module], None]]:
    """The module of this name, or what is wrapped there, and a way to put another in its place."""
    parent_name, _, attribute = name.rpartition(".")
    holder, found = model.get_submodule(parent_name), model.get_submodule(name)
    if not isinstance(found, kind) and isinstance(found, QuantizedOutput):
        holder, attribute, found = found, "wrapped", found.wrapped
    return found, partial(setattr, holder, attribute)


class QuantizedOutput(StandsFor):
    """Runs a module, and puts what it returns on a grid; what it is given from outside of the model's modules, too."""

    gives_parameters = True

    def __init__(
        self, wrapped: nn.Module, output: nn.Module | None, inputs: dict[int, nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.wrapped = wrapped
        self.output_quantizer = output
        self.input_quantizers = nn.ModuleDict({str(position): q for position, q in (inputs or {}).items()})

    def stood_for(self) -> nn.Module | None:
        return self._modules.get("wrapped")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.input_quantizers:
            args, kwargs = self._with_quantized_inputs(args, kwargs)
        output = self.wrapped(*args, **kwargs)
        if self.output_quantizer is None or not _is_activation(output):
            return output
        return self.output_quantizer(output)

    def _with_quantized_inputs(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        leaves, tree = tree_flatten((args, kwargs))
        tensors = [position for position, leaf in enumerate(leaves) if _is_activation(leaf)]
        for position, quantizer in self.input_quantizers.items():
            if int(position) < len(tensors):
                leaves[tensors[int(position)]] = quantizer(leaves[tensors[int(position)]])
        return cast("tuple[Any, Any]", tree_unflatten(leaves, tree))


def run_with(module: nn.Module, weight: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any) -> Any:
    """Calls `module` with another weight and bias than its own."""
    if isinstance(module, LinearRows):  # whose weight is not a Parameter but rows of one
        (x,) = (*args, *kwargs.values())
        return F.linear(x, weight, bias)
    given = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return functional_call(module, given, args, kwargs)


def _is_activation(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
