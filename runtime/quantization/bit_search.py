"""Which layer needs how many bits: the least error that fits in a given size."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves

from runtime.modules.plain_weights import with_plain_weights
from runtime.quantization.arithmetic import fake_quantize
from runtime.quantization.asked import batches_of, check_model
from runtime.quantization.aware import weight_granularity
from runtime.quantization.calibration import evaluating, run_batch
from runtime.quantization.inputs import InputError, door, explained
from runtime.quantization.journal import Journal, Progress
from runtime.quantization.quantized.weights import weight_qparams


@dataclass(frozen=True)
class ChosenBits:
    bits: dict[str, int]
    """By name of the layer."""
    size: int
    """Bytes of all parameters and buffers with these weights."""
    errors: dict[str, dict[int, float]]
    """By layer and bits: the relative squared error of the model's results with that layer alone quantized."""

    @property
    def overrides(self) -> OrderedDict[str, dict[str, Any]]:
        """For any quantizer."""
        return OrderedDict((re.escape(name), {"bits_weights": bits}) for name, bits in self.bits.items())


@door("search_bits")
def search_bits(
    model: nn.Module,
    data: Iterable[Any],
    size_budget: int,
    candidates: Sequence[int] = (8, 6, 5, 4, 3, 2),
    *,
    path: str | Path | None = None,
    progress: Progress | None = None,
) -> ChosenBits:
    """Chooses bits for the weights of linear layers and convolutions, so that the model takes `size_budget` bytes.

    Each layer is tried with each number of bits, all else in floating point, on `data`, some batches of inputs. Then,
    from the most bits on, the layer is narrowed next that costs the least error for each byte saved. The model stays as
    it is. With `path` each error is written to a CSV file at once, and what stands there is not measured again.
    """
    check_model(model)
    model = with_plain_weights(model)
    layers: dict[str, nn.Module] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (_ConvNd, nn.Linear)) and isinstance(module._parameters.get("weight"), Tensor)
    }
    if not layers:
        raise ValueError("search_bits found no linear layer or convolution whose weight is its own Parameter")
    steps = sorted(set(candidates), reverse=True)
    journal = Journal(path, len(layers) * len(steps), progress)
    errors = _errors(model, layers, list(batches_of(data)), steps, journal)
    elements = {name: cast(Tensor, module.weight).numel() for name, module in layers.items()}
    bits, size = _narrow(errors, elements, _bytes(model), size_budget, steps)
    return ChosenBits(bits, size, errors)


def _errors(
    model: nn.Module, layers: dict[str, nn.Module], data: list[Any], steps: Sequence[int], journal: Journal
) -> dict[str, dict[int, float]]:
    errors: dict[str, dict[int, float]] = {}
    with evaluating(model), torch.no_grad():
        exact = []
        for number, batch in enumerate(data):
            with explained(model, batch, f"batch {number} of data"):
                exact.append(_results(model, batch))
        power = sum(result.square().sum().item() for results in exact for result in results)
        if not power:
            raise InputError("it needs data on which the model returns something other than zero")
        for name, layer in layers.items():
            errors[name] = {}
            for bits in steps:

                def measure(layer: nn.Module = layer, bits: int = bits) -> float:
                    with _rounded(layer, bits):
                        pairs = zip(exact, data, strict=True)
                        return sum(_noise(results, _results(model, batch)) for results, batch in pairs) / power

                errors[name][bits] = journal.measured(f"{name}, {bits} bits", measure)
    return errors


def _narrow(
    errors: dict[str, dict[int, float]], elements: dict[str, int], floating: int, budget: int, steps: Sequence[int]
) -> tuple[dict[str, int], int]:
    rest = floating - 4 * sum(elements.values())
    bits = dict.fromkeys(elements, steps[0])

    def size() -> int:
        return rest + sum(-(-elements[name] * number // 8) for name, number in bits.items())

    while size() > budget:
        narrower = {name: steps[steps.index(number) + 1] for name, number in bits.items() if number != steps[-1]}
        if not narrower:
            raise ValueError(
                f"no choice of bits fits in {budget} bytes: with {steps[-1]} bits everywhere it is {size()}, "
                f"of which {rest} are not weights"
            )
        cheapest = min(narrower, key=lambda name: _cost(errors[name], elements[name], bits[name], narrower[name]))
        bits[cheapest] = narrower[cheapest]
    return bits, size()


def _cost(errors: dict[int, float], elements: int, now: int, then: int) -> float:
    """Error for each byte that is saved."""
    return max(errors[then] - errors[now], 0.0) / (elements * (now - then))


@contextmanager
def _rounded(layer: nn.Module, bits: int) -> Iterator[None]:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    exact = weight.clone()
    weight.copy_(fake_quantize(weight, weight_qparams(weight, bits, weight_granularity(layer))))
    try:
        yield
    finally:
        weight.copy_(exact)


def _results(model: nn.Module, batch: Any) -> list[Tensor]:
    leaves = tree_leaves(run_batch(model, batch))
    return [leaf.double() for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _noise(exact: list[Tensor], rounded: list[Tensor]) -> float:
    return sum((one - other).square().sum().item() for one, other in zip(exact, rounded, strict=True))


def _bytes(model: nn.Module) -> int:
    state = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())
