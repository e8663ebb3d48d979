"""What layers are given: their inputs as rows that a weight is multiplied with, and the second moments of those.

A convolution is a product of its weight, one row an output channel, with the patches of its input. For such a product
the squared error of other weights is a quadratic form in the moments of the inputs, so one pass over the data is enough
to try any number of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from runtime.quantization.calibration import evaluating, run_batch
from runtime.quantization.fusion import Absorbed, affine_of
from runtime.quantization.known import is_a


def has_rows(layer: nn.Module) -> bool:
    """Whether the layer's inputs can be written as rows: linear layers, and convolutions in one or two dimensions."""
    return is_a(layer, (nn.Linear, nn.Conv1d, nn.Conv2d))


def input_rows(layer: nn.Module, x: Tensor) -> Tensor:
    """(groups, rows, columns), which a weight of (groups, outputs, columns) is multiplied with."""
    if isinstance(layer, nn.Linear):
        return x.reshape(1, -1, x.shape[-1])
    assert isinstance(layer, (nn.Conv1d, nn.Conv2d))
    kernel, stride, dilation = layer.kernel_size, layer.stride, layer.dilation
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    x = F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
    if isinstance(layer, nn.Conv1d):
        x, kernel, stride, dilation = x.unsqueeze(2), (1, *kernel), (1, *stride), (1, *dilation)
    patches = F.unfold(x, kernel, dilation, 0, stride)  # (batch, channels * kernel, places)
    batch, columns, places = patches.shape
    grouped = patches.reshape(batch, layer.groups, columns // layer.groups, places)
    return grouped.permute(1, 0, 3, 2).reshape(layer.groups, batch * places, columns // layer.groups)


def weight_rows(layer: nn.Module, weight: Tensor) -> Tensor:
    """(groups, outputs, columns)"""
    groups = getattr(layer, "groups", 1)
    return weight.reshape(groups, weight.shape[0] // groups, -1)


def folded_norms(quantized: nn.Module, reference: nn.Module) -> dict[str, _BatchNorm]:
    """The normalizations of `reference` that are parts of layers in `quantized`, by the names of the layers."""
    norms = {}
    for name, module in quantized.named_modules():
        if isinstance(module, Absorbed) and isinstance(norm := reference.get_submodule(name), _BatchNorm):
            norms[module.into] = norm
    return norms


def folded_weight(layer: nn.Module, norm: _BatchNorm | None) -> Tensor:
    """The layer's weight in float32, with the factor of the normalization in it."""
    weight = cast(Tensor, layer.weight).detach()
    if norm is not None:
        factor, _ = affine_of(norm)
        weight = weight * factor.reshape(-1, *[1] * (weight.dim() - 1))
    return weight.to(torch.float32)


class Moments:
    """The mean over rows of input times input, a matrix for each group of channels.

    As long as there are fewer rows than columns the rows themselves are kept, which then are less to store and faster
    to multiply with than the matrix.
    """

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[Tensor] = []
        self._matrix: Tensor | None = None

    def add(self, rows: Tensor) -> None:
        """`rows` are (groups, rows, columns)."""
        self.count += rows.shape[1]
        if self._matrix is None and self.count < rows.shape[2]:
            self._rows.append(rows)
            return
        for some in [*self._rows, rows]:
            product = some.transpose(1, 2) @ some
            self._matrix = product if self._matrix is None else self._matrix + product
        self._rows = []

    def times(self, change: Tensor) -> Tensor:
        """`change`, (groups, outputs, columns), times the matrix."""
        if self._matrix is not None:
            return change @ self._matrix / self.count
        rows = torch.cat(self._rows, dim=1)
        return (change @ rows.transpose(1, 2)) @ rows / self.count

    def error(self, change: Tensor) -> float:
        """How much the layer's results change on average, squared, if its weights change like that."""
        return (self.times(change) * change).sum().item() / (change.shape[0] * change.shape[1])


def input_moments(model: nn.Module, layers: Iterable[str], data: Iterable[Any]) -> dict[str, Moments]:
    """Those of each layer that runs, over all the data."""
    moments: dict[str, Moments] = {}

    def add(name: str) -> Callable[[nn.Module, Any], None]:
        def hook(layer: nn.Module, args: Any) -> None:
            moments.setdefault(name, Moments()).add(input_rows(layer, args[0].detach().to(torch.float32)))

        return hook

    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(torch.no_grad())
        for name in layers:
            hook = model.get_submodule(name).register_forward_pre_hook(add(name))
            stack.callback(hook.remove)
        for batch in data:
            run_batch(model, batch)
    return moments
