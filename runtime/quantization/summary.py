"""What a quantizer made of a model, as a table: modules of which kind, what stays in floating point, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.attribution import compared_with
from runtime.quantization.calibration import float_tensors, observing
from runtime.quantization.fusion import Absorbed
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Carried, Half
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum
from runtime.quantization.quantizer import Quantizer
from runtime.quantization.reasons import notes

_LISTED = 24
ABSORBED = "part of the module before"


@dataclass(frozen=True)
class Row:
    """Modules that became, or stayed, the same."""

    was: str
    now: str
    number: int
    first: str
    """The name of one of them."""


@dataclass(frozen=True)
class Summary:
    """Of one quantizer's work."""

    rows: tuple[Row, ...]
    """What was replaced."""
    left: tuple[Row, ...]
    """What stays in floating point; `now` says why."""
    bytes_before: int
    bytes_after: int

    @property
    def quantized(self) -> int:
        return sum(row.number for row in self.rows if row.now != ABSORBED)

    def __str__(self) -> str:
        lines = [f"{self.quantized} modules quantized, {sum(row.number for row in self.left)} in floating point"]
        lines += _table(self.rows, "becomes")
        if self.left:
            lines += ["", *_table(self.left, "stays in floating point because")]
            lines += ["", *notes(row.now for row in self.left)]
        if self.bytes_after < self.bytes_before:
            ratio = self.bytes_after / max(self.bytes_before, 1)
            before, after = self.bytes_before / 1e6, self.bytes_after / 1e6
            lines += ["", f"size of the state: {before:.2f} MB -> {after:.2f} MB ({ratio:.2f} of it)"]
        return "\n".join(lines)


def summarize(quantizer: Quantizer, bytes_before: int) -> Summary:
    """`bytes_before` is what `state_bytes` said of the model before it was prepared."""
    replaced = [
        (name, type(was).__name__, _became(now))
        for name, was, now in quantizer.replaced_modules()
        if not isinstance(now, Absorbed)
    ]
    absorbed = [
        (name, module.kind, ABSORBED)
        for name, module in quantizer.model.named_modules()
        if isinstance(module, Absorbed)
    ]
    reasons = quantizer.reasons
    modules = dict(quantizer.model.named_modules())
    left = [(name, type(modules[name]).__name__, why) for name, why in reasons.items() if name in modules]
    return Summary(_rows(replaced + absorbed), _rows(left), bytes_before, state_bytes(quantizer.model))


def state_bytes(model: nn.Module) -> int:
    """The size of all parameters and buffers, weights of fewer than 8 bits packed."""
    bits = {
        id(module.integers): module.weight_grid.bits for module in model.modules() if isinstance(module, QuantizedSum)
    }
    state: dict[str, Any] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    whole: int = sum(tensor.numel() * bits.get(id(tensor), 8 * tensor.element_size()) for tensor in state.values())
    return whole // 8


def noise_by_layer(exact: nn.Module, quantized: nn.Module, *args: Any, **kwargs: Any) -> dict[str, float]:
    """Of every module that returns integers: signal to quantization noise of its result, in decibels.

    `exact` is the floating-point model that `quantized` was made of; both are run once. The noise is all that came
    together up to that module.
    """
    return noise_and_results(exact, quantized, args, kwargs)[0]


def noise_and_results(
    exact: nn.Module, quantized: nn.Module, args: Any, kwargs: Any
) -> tuple[dict[str, float], list[Tensor], list[Tensor]]:
    """The same, and what both models returned."""
    wanted = compared_with(quantized)
    exact_results, exact_whole = _results(exact, set(wanted.values()), args, kwargs)
    results, whole = _results(quantized, set(wanted), args, kwargs)
    layers = {
        name: noise(exact_results[key], results[name])
        for name, key in wanted.items()
        if name in results and key in exact_results
    }
    return layers, exact_whole, whole


def noise(exact: Tensor, quantized: Tensor) -> float:
    """Signal to quantization noise, in decibels; infinite where there is no noise, or no signal."""
    signal = exact.detach().double().square().sum()
    error = (exact.detach().double() - quantized.detach().double()).square().sum()
    if error == 0 or signal == 0:
        return float("inf")
    return float(10 * torch.log10(signal / error))


def _results(model: nn.Module, names: set[str], args: Any, kwargs: Any) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The first tensor that each of these modules returned, in its first call, and all that the model returned."""
    found: dict[str, Tensor] = {}
    hooks = []
    for name, module in model.named_modules():
        if name in names:

            def keep(module: nn.Module, given: Any, result: Any, name: str = name) -> None:
                for tensor in float_tensors(result)[:1]:
                    found.setdefault(name, tensor.detach().clone())

            hooks.append(module.register_forward_hook(keep))
    with observing(model, hooks):
        whole = float_tensors(model(*args, **kwargs))
    return found, whole


def _became(module: nn.Module) -> str:
    if not isinstance(module, QuantizedModule):
        return type(module).__name__
    if isinstance(module, Half):
        return "16-bit floating point"
    words = [f"weights of {module.weight_grid.bits} bits"] if isinstance(module, QuantizedSum) else []
    wide = [given.grid.bits for given in module.input_params if given is not None and given.grid.bits > 8]
    words += [f"input of {max(wide)} bits"] if wide else []
    words += ["scale of each input as it comes"] if isinstance(module, DynamicSum) else []
    if isinstance(module, Carried):
        return ", ".join([*words, "returns the integers that it is given"])
    result = module.output_params
    return ", ".join([*words, "result in floating point" if result is None else f"result of {result.grid.bits} bits"])


def _rows(entries: list[tuple[str, str, str]]) -> tuple[Row, ...]:
    numbers = Counter((was, now) for _, was, now in entries)
    first = {(was, now): name for name, was, now in reversed(entries)}
    return tuple(Row(was, now, number, first[was, now]) for (was, now), number in numbers.most_common())


def _table(rows: tuple[Row, ...], title: str) -> list[str]:
    shown = rows[:_LISTED]
    width = max([len("module"), *(len(row.was) for row in shown)], default=0)
    middle = max([len(title), *(len(row.now) for row in shown)], default=0)
    lines = [f"{'number':>6}  {'module':<{width}}  {title:<{middle}}  for example"]
    lines += [f"{row.number:>6}  {row.was:<{width}}  {row.now:<{middle}}  {row.first}" for row in shown]
    if len(rows) > len(shown):
        rest = sum(row.number for row in rows[_LISTED:])
        kinds = ", ".join(dict.fromkeys(row.was for row in rows[_LISTED:]))
        lines.append(f"{rest:>6}  others: {kinds}")
    return lines
