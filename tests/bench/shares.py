"""How much of a network is in int8, and how near its results are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import int8
from runtime.quantization.contraction import contraction_of


def share(model: nn.Module, converted: nn.Module, example: Any) -> float:
    """Of all multiplications of products with weights and of two activations, those in int8."""
    counts: dict[str, int] = {}

    def count(name: str, terms: int) -> Any:
        return lambda module, args, output: counts.update({name: counts.get(name, 0) + output.numel() * terms})

    hooks = []
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)) and isinstance(weight, Tensor):
            hooks.append(module.register_forward_hook(count(name, weight[0].numel())))
        elif (equation := contraction_of(module)) is not None:
            hooks.append(
                module.register_forward_hook(lambda m, a, y, n=name, e=equation: count(n, e.terms(a[0]))(m, a, y))
            )
        elif isinstance(module, wrappers.Matmul):
            hooks.append(module.register_forward_hook(lambda m, a, y, n=name: count(n, a[0].shape[-1])(m, a, y)))
    with torch.no_grad():
        model(example)
    for hook in hooks:
        hook.remove()
    runs = {line.name: line.runs for line in int8.report(converted).lines}
    return sum(number for name, number in counts.items() if runs.get(name) == "int8") / sum(counts.values())


def results(given: Any) -> list[Tensor]:
    return list(given) if isinstance(given, (tuple, list)) else [given]


def decibels(exact: Tensor, given: Tensor) -> float:
    return float(10 * torch.log10(exact.double().square().sum() / (exact - given).double().square().sum()))


def cosine(exact: Tensor, given: Tensor) -> float:
    return float(torch.cosine_similarity(exact.flatten(1).double(), given.flatten(1).double(), dim=1).min())
