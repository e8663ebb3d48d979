"""How much of the noise in a model's results comes from each of its layers.

Each quantized layer is run by itself on what the model in floating point gives it. What it does wrong there reaches the
results as far as their derivatives say: of a few random sums of all results, by one pass back for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from runtime.quantization.calibration import evaluating, float_tensors
from runtime.quantization.fusion import Absorbed
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Carried
from runtime.quantization.quantized.sums import QuantizedSum, operate

_SUMS = 2


class Noise(NamedTuple):
    """Of one layer, in parts of the power of results: of each by itself, added up."""

    now: float
    of_weights: float
    """What is left with more bits for what the layer is given and returns."""


def noise_shares(exact: nn.Module, quantized: nn.Module, args: Any, kwargs: Any) -> dict[str, Noise]:
    """By name, for one call. Layers that no derivative reaches have none.

    A model that has no derivatives raises what torch raises then.
    """
    with torch.enable_grad():
        return _shares(exact, quantized, *tree_map(_copied, (args, kwargs)))


def _shares(exact: nn.Module, quantized: nn.Module, args: Any, kwargs: Any) -> dict[str, Noise]:
    layers = compared_with(quantized)
    seen = _Seen()
    with ExitStack() as stack:
        stack.enter_context(evaluating(exact))
        for name, module in exact.named_modules():
            if name in layers:
                stack.callback(module.register_forward_pre_hook(seen.given(name), with_kwargs=True).remove)
            if name in layers.values():
                stack.callback(module.register_forward_hook(seen.made(name)).remove)
        results = [x.double() for x in float_tensors(exact(*args, **kwargs)) if x.requires_grad]
    results = [x / power for x in results if (power := float(x.detach().double().square().sum().sqrt()))]
    if not results:
        return {}
    noises: dict[str, list[Tensor]] = {}
    for slopes in _slopes(results, seen.results):
        for name, last in layers.items():
            if last in slopes and name in seen.arguments:
                powers = noises.setdefault(name, [])
                powers.append(torch.stack([_power(slopes[last], e) for e in seen.errors(quantized, name, last)]))
    means = {name: torch.stack(powers).mean(0) for name, powers in noises.items()}
    return {name: Noise(float(of[0]), float(of[-1]) if len(of) > 1 else 0.0) for name, of in means.items()}


def compared_with(quantized: nn.Module) -> dict[str, str]:
    """The modules that compute on integers, and whose results those stand for: of the last that they have absorbed."""
    last: dict[str, str] = {}
    for name, module in quantized.named_modules():
        if isinstance(module, Absorbed) and (module.into not in last or "BatchNorm" not in module.kind):
            last[module.into] = name  # an activation comes behind the normalization
    return {
        name: last.get(name, name)
        for name, module in quantized.named_modules()
        if isinstance(module, QuantizedModule) and not isinstance(module, Carried)
    }


class _Seen:
    """What modules were given and returned in their first call."""

    def __init__(self) -> None:
        self.arguments: dict[str, tuple[Any, Any]] = {}
        self.results: dict[str, Tensor] = {}
        self._errors: dict[str, list[Tensor]] = {}

    def given(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.arguments.setdefault(name, tree_map(_copied, (args, kwargs)))

        return hook

    def made(self, name: str) -> Callable[..., Tensor | None]:
        def hook(module: nn.Module, args: Any, output: Any) -> Tensor | None:
            if name in self.results or not isinstance(output, Tensor) or not output.is_floating_point():
                return None
            kept = output.clone() if output.requires_grad else output.detach().clone().requires_grad_()
            self.results[name] = kept
            return kept.clone()  # which may be changed in place

        return hook

    def errors(self, quantized: nn.Module, name: str, last: str) -> list[Tensor]:
        """Of the layer, and of its weights alone."""
        if name not in self._errors:
            layer, (args, kwargs) = quantized.get_submodule(name), self.arguments[name]
            exact = self.results[last].detach()
            with torch.no_grad():
                made = [layer(*tree_map(_copied, args), **kwargs)]
                if isinstance(layer, QuantizedSum) and layer.configured:
                    made.append(layer.activated(_on_real_numbers(layer, *args, **kwargs)))
            self._errors[name] = [x - exact for x in made if isinstance(x, Tensor) and x.shape == exact.shape]
        return self._errors[name]


def _on_real_numbers(layer: QuantizedSum, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return operate(layer.inner, x, layer.weight.to(x.dtype), layer.float_bias, *args, **kwargs)


def _slopes(results: Iterable[Tensor], of: Mapping[str, Tensor]) -> Iterable[dict[str, Tensor]]:
    """The derivatives of random sums of all results."""
    results, generator = list(results), torch.Generator().manual_seed(0)
    for left in reversed(range(_SUMS)):
        signs = [torch.randint(0, 2, x.shape, generator=generator).double() * 2 - 1 for x in results]
        found = torch.autograd.grad(results, list(of.values()), signs, retain_graph=left > 0, allow_unused=True)
        yield {name: slope for name, slope in zip(of, found, strict=True) if slope is not None}


def _power(slope: Tensor, error: Tensor) -> Tensor:
    """Of what reaches the results, sample by sample."""
    return (slope * error).flatten(1 if error.dim() > 1 else 0).sum(-1).double().square().sum()


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
