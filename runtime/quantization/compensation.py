"""Weights of all layers rounded so that their errors make up for each other, on what calibration shows of their inputs.

It costs nothing when the model runs. Long rows of weights are rounded in pieces, each for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.calibration import Forward, evaluating, run_batch
from runtime.quantization.compensated import rounded_together
from runtime.quantization.layer_inputs import folded_norms, folded_weight, has_rows, input_rows, weight_rows
from runtime.quantization.quantized.sums import QuantizedSum

_PIECE = 512
"""Columns that are rounded together: moments and time grow with their square."""
_ROWS = 4096
"""Of one layer's inputs in one batch."""


class Compensation:
    """What `reference` gives its layers on some batches, and the integers that this makes of their weights."""

    def __init__(self, reference: nn.Module, batches: Iterable[Any], forward: Forward = run_batch) -> None:
        self.reference = reference
        self._moments: dict[str, list[Tensor]] = {}
        self._seen: dict[str, int] = {}
        self._made: dict[str, tuple[Tensor, Tensor]] = {}
        """Integers by the name of the layer, and the scales that they are for."""
        with ExitStack() as stack:
            stack.enter_context(evaluating(reference))
            stack.enter_context(torch.no_grad())
            for name, layer in reference.named_modules():
                if has_rows(layer):
                    stack.callback(layer.register_forward_pre_hook(self._keep(name)).remove)
            for batch in batches:
                forward(reference, batch)

    def apply(self, quantized: nn.Module) -> None:
        """Changes the weights of what was made of `reference`, in place; scales stay."""
        norms = folded_norms(quantized, self.reference)
        for name, layer in quantized.named_modules():
            if not isinstance(layer, QuantizedSum) or not self._shows_enough(name):
                continue
            scale = layer.weight_scale
            if name not in self._made or not torch.equal(self._made[name][1], scale):
                plain = self.reference.get_submodule(name)
                weight = folded_weight(plain, norms.get(name))
                self._made[name] = self._rounded(name, plain, weight, layer), scale.clone()
            layer.integers.copy_(self._made[name][0])

    def _shows_enough(self, name: str) -> bool:
        """Of fewer rows than columns errors would go where others need it."""
        return name in self._seen and self._seen[name] >= max(piece.shape[-1] for piece in self._moments[name])

    def _keep(self, name: str) -> Callable[[nn.Module, Any], None]:
        def hook(layer: nn.Module, args: Any) -> None:
            rows = input_rows(layer, _some(layer, args[0].detach().to(torch.float32)))
            rows = rows[:, :: -(-rows.shape[1] // _ROWS)]
            self._seen[name] = self._seen.get(name, 0) + rows.shape[1]
            made = [piece.transpose(1, 2) @ piece for piece in torch.split(rows, _PIECE, dim=2)]
            before = self._moments.get(name)
            self._moments[name] = made if before is None else [a + b for a, b in zip(before, made, strict=True)]

        return hook

    def _rounded(self, name: str, plain: nn.Module, weight: Tensor, layer: QuantizedSum) -> Tensor:
        params = layer.weight_params
        scale = params.granularity.spread(params.scale, weight).expand_as(weight)
        spaced = weight_rows(plain, weight.double() / scale.double())
        pieces = zip(torch.split(spaced, _PIECE, dim=2), self._moments[name], strict=True)
        made = [rounded_together(part, params.grid, power.double() / self._seen[name]) for part, power in pieces]
        return torch.cat(made, dim=2).reshape(layer.integers.shape).to(layer.integers.dtype)


def _some(layer: nn.Module, x: Tensor) -> Tensor:
    """Of a batch of images as many as there are rows to keep; patches of all of them would take much memory."""
    if isinstance(layer, nn.Linear) or x.dim() < 3:
        return x
    return x[:: max(1, len(x) * x[0, 0].numel() // _ROWS)]
