"""What stands for each quantized module in a model that is to be exported: the operation, and operators around it."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from rewriter.torch_api.traits import Trait
from runtime.export.operators import Constant, OnGrid
from runtime.int8.counterparts.base import Int8Module
from runtime.quantization.arithmetic import PER_TENSOR, multiplier, per_channel, sum_multipliers
from runtime.quantization.known import has, settings
from runtime.quantization.quantized.averages import QuantizedAverage, equal_counts
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.given import GivenWeight
from runtime.quantization.quantized.others import Half, QuantizedEmbedding, QuantizedInner
from runtime.quantization.quantized.pointwise import QuantizedAdd
from runtime.quantization.quantized.precise import in_double, normalized, normalizes
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum, operate
from runtime.quantization.trained import QuantizedOutput, QuantizedWeights

_EXACT_IN_FLOAT32 = 2**24


class ExportError(ValueError):
    """A model that has no form with fixed scales."""


class Exported(nn.Module):
    """An operation in floating point between tensors that are put on their grids."""

    slope: Tensor | None

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__()
        self.inner = simulated.inner
        self.inputs = [OnGrid.of(params) for params in simulated.input_params]
        self.output = OnGrid.of(simulated.output_params)
        self.fused = simulated.fused
        self.register_buffer("slope", simulated.slope)
        self._simulated = (simulated,)  # in a tuple: not a child

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        waiting = list(self.inputs)

        def placed(x: Tensor) -> Tensor:
            if not x.is_floating_point():
                return x
            grid = waiting.pop(0) if waiting else None
            return x if grid is None else grid(x)

        given_args, given_kwargs = tree_map_only(Tensor, placed, (args, kwargs))
        result = tree_map_only(Tensor, self._finished, self.computed(*given_args, **given_kwargs))
        return self._simulated[0].given_back(result, args) if args and isinstance(result, Tensor) else result

    def computed(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner(*args, **kwargs)

    def _finished(self, x: Tensor) -> Tensor:
        """The activation that was absorbed, and the grid of the result."""
        if not x.is_floating_point() or self.output is None:
            return x
        if self.slope is not None:
            x = F.prelu(x, self.slope)
        elif self.fused is not None:
            x = torch.relu(x) if math.isinf(self.fused) else x.clamp(0.0, self.fused)
        return self.output(x)


class ExportedSum(Exported):
    """A convolution or linear layer."""

    def __init__(self, simulated: QuantizedSum, as_pt2e: bool) -> None:
        super().__init__(simulated)
        params = simulated.weight_params
        self.weight = Constant(simulated.integers, params.scale, params.granularity)
        if as_pt2e:
            self.weight.zero_point = self.weight.zero_point.long()
        given = simulated.input_params[0] if simulated.configured else None
        self.bias: nn.Module | None = None
        if simulated.bias is not None and given is not None and not simulated.bias.is_floating_point():
            unit = given.scale * params.scale
            self.bias = Constant(simulated.bias, unit, per_channel(0) if unit.dim() else PER_TENSOR)
            if as_pt2e:
                self.register_buffer("real_bias", self.bias())
                self.bias = None
        elif simulated.bias is not None:
            self.register_buffer("real_bias", simulated.bias.clone())

    def computed(self, *args: Any, **kwargs: Any) -> Any:
        bias = self.bias() if self.bias is not None else getattr(self, "real_bias", None)
        return operate(self.inner, args[0], self.weight(), bias, *args[1:], **kwargs)


class ExportedRows(ExportedSum):
    """A linear layer, given a matrix, whatever dimensions its input has.

    ONNX has one operator for a matrix, its weight and bias, which runtimes know on integers; for more dimensions it has
    two, which they know in floating point alone.
    """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        x, *rest = args
        if x.dim() < 3:
            return super().forward(*args, **kwargs)
        return super().forward(x.flatten(0, -2), *rest, **kwargs).unflatten(0, x.shape[:-1])


class ExportedAdd(Exported):
    """`a + b`: integers are read as our own sum reads them, so that every runtime rounds the same number."""

    def __init__(self, simulated: QuantizedAdd) -> None:
        super().__init__(simulated)
        params, made = simulated.input_params, simulated.output_params
        if made is not None and len(params) == 2 and params[0] is not None and params[1] is not None:
            read_as = [factor * made.scale for factor in sum_multipliers(params[0], params[1], made)]
            self.inputs = [OnGrid.of(given, read.item()) for given, read in zip(params, read_as, strict=True)]


class ExportedRow(Exported):
    """A softmax or a normalization, computed as ours is, whose result is multiplied with the inverse of its scale.

    Runtimes divide by the scale, and have their own float32 arithmetic.
    """

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__(simulated)
        given = simulated.input_params[0]
        self.unit = 1.0 if given is None else given.scale.item()
        self.of_integers = given is not None and normalizes(simulated.inner)
        if self.of_integers:
            self.inputs = [OnGrid.of(given, 1.0)]

    def computed(self, *args: Any, **kwargs: Any) -> Any:
        if self.of_integers:
            return normalized(args[0], self.unit, settings(self.inner, args[1:], kwargs))
        return in_double(self.inner, args, kwargs)

    def _finished(self, x: Tensor) -> Tensor:
        assert self.output is not None and self.fused is None and self.slope is None
        return self.output.of_steps()(x * torch.tensor(self.output.scale).reciprocal().item())


class ExportedAverage(Exported):
    """A mean or a pooling by average: exact sums of integers, times the multiplier, divided by how many there were.

    Runtimes round real numbers on the way, and a quotient of integers lies right between two codes often enough.
    """

    def __init__(self, simulated: QuantizedAverage) -> None:
        super().__init__(simulated)
        (given, *_), made = simulated.input_params, simulated.output_params
        assert given is not None and made is not None
        self.codes = OnGrid.of(given, 1.0)
        self.multiplier = multiplier([given.scale], made.scale).item()

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        assert self.codes is not None and self.output is not None
        average = self.inner(self.codes(x), *args, **kwargs)
        count = equal_counts(self.inner, settings(self.inner, args, kwargs), x, average)
        if count is None or count * 255 >= _EXACT_IN_FLOAT32:
            return super().forward(x, *args, **kwargs)
        return self.output.of_steps()(torch.round(average * count) * self.multiplier / count)


class ExportedEmbedding(Exported):
    """Rows of integers."""

    codes: Tensor

    def __init__(self, simulated: QuantizedEmbedding) -> None:
        super().__init__(simulated)
        self.register_buffer("codes", simulated.integers.clone())

    def forward(self, tokens: Tensor) -> Tensor:
        assert self.output is not None
        return self.output.real(self.codes[tokens])


class ExportedGiven(nn.Module):
    """A layer whose weight is an argument of each call, and that has it already."""

    def __init__(self, simulated: GivenWeight, layer: Exported) -> None:
        super().__init__()
        self.layer = layer
        self._simulated = (simulated,)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        x = self._simulated[0].operand(args, kwargs)
        return self._simulated[0](*args, **kwargs) if x is None else self.layer(x)


def for_export(model: nn.Module, as_pt2e: bool) -> nn.Module:
    """A copy of a quantized or converted model in eval mode, whose quantized modules are made of operators.

    With `as_pt2e` biases are the numbers that their integers stand for, zero points of weights are int64, and whoever
    takes integers reads them with the scale that they were made with.
    """
    made = copy.deepcopy(model).eval()
    modules = list(made.modules())
    if any(isinstance(module, (QuantizedOutput, QuantizedWeights)) for module in modules):
        raise ExportError("the model is in training: call runtime.quantization.finish_training(model, example) first")
    if not any(isinstance(module, (QuantizedModule, Int8Module)) for module in modules):
        raise ExportError("the model has no quantized modules: quantize it first, with runtime.quantize(model, data)")
    stands: dict[nn.Module, nn.Module] = {}
    for module in modules:
        if isinstance(module, (QuantizedModule, Int8Module)):
            stands[module] = _exported(module.simulated if isinstance(module, Int8Module) else module, as_pt2e)
    for parent in modules:
        if parent not in stands:
            for name, child in list(parent._modules.items()):
                if child in stands:
                    setattr(parent, name, stands[child])
    return stands.get(made, made)


def _exported(module: QuantizedModule, as_pt2e: bool) -> nn.Module:
    if isinstance(module, DynamicSum):
        raise ExportError("method 'dynamic' takes scales from each tensor as it comes; export needs fixed ones")
    if isinstance(module, Half) or not module.configured:
        return module
    if isinstance(module, GivenWeight):
        return ExportedGiven(module, _layer(module, as_pt2e))
    return _layer(module, as_pt2e)


def _layer(module: QuantizedModule, as_pt2e: bool) -> Exported:
    if isinstance(module, QuantizedSum):
        rows = isinstance(module.inner, nn.Linear) and not as_pt2e
        return ExportedRows(module, as_pt2e) if rows else ExportedSum(module, as_pt2e)
    if isinstance(module, QuantizedAdd) and not as_pt2e:
        return ExportedAdd(module)
    if (
        isinstance(module, QuantizedAverage)
        and not as_pt2e
        and None not in (*module.input_params, module.output_params)
    ):
        return ExportedAverage(module)
    if isinstance(module, QuantizedInner) and not as_pt2e and has(module.inner, Trait.ROWS):
        return Exported(module) if module.output_params is None else ExportedRow(module)
    return ExportedEmbedding(module) if isinstance(module, QuantizedEmbedding) else Exported(module)
