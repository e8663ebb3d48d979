"""Quantization of a trained model, from statistics of its activations."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runtime.modules.handles import TiedHandle
from runtime.modules.places import module_of
from runtime.quantization.adjacency import Adjacency, find_adjacency
from runtime.quantization.arithmetic import Grid
from runtime.quantization.carriers import find_carriers
from runtime.quantization.compensated import compensated
from runtime.quantization.fusion import (
    Absorbed,
    absorbs,
    find_fused_activations,
    fold_batch_norms,
    negative_slope,
    saturation,
    upper_clamp,
)
from runtime.quantization.given_weights import Given, find_given, without_given
from runtime.quantization.kinds import Kind, norm_has_length
from runtime.quantization.metadata import unwrapped
from runtime.quantization.observers import RangeRule, Statistics, load_statistics, rule
from runtime.quantization.overrides import Override, QBits
from runtime.quantization.plan import Place, Planner, give_grids
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.given import make_given, make_given_dynamic
from runtime.quantization.quantized.make import make_quantized
from runtime.quantization.quantized.others import Half, QuantizedEmbedding
from runtime.quantization.quantized.sums import DynamicSum, QuantizedSum, is_sum
from runtime.quantization.quantized.wide import WideSum, is_wide
from runtime.quantization.quantizer import Quantizer
from runtime.quantization.reasons import IN_A_STEP, NO_BITS, NOBODY_BEHIND
from runtime.quantization.recurrent import WIDE_BITS, bits_of_input, directions, given_in_a_run, show_enough

Ranges = Mapping[str, tuple[float, float]]


class PostTrainLinearQuantizer(Quantizer):
    """Puts weights on signed integers, one scale a channel, and activations on unsigned ones, one scale a tensor.

    `statistics` are those of `calibrate` on this model, or the file that `save_statistics` wrote; `activation_range`
    chooses ranges from them (see `observers.RULES`). `ranges` has ranges outright, by the same names, and wins. With
    `dynamic` no statistics are needed: weights are on integers, and what they are multiplied with is put there as it
    comes.

    `prepare_model` needs an example input, and leaves the model in eval mode. Batch normalizations are folded,
    activations that clamp at zero become the end of a grid, ranges take notice of what comes next, and joins get one
    grid where that costs little. `overrides` may give, besides bits, `fp16=True` for modules that shall compute with
    16-bit floating point, and `activation_range` for a rule of their own.

    What a quantized module lets others rely on is said in `runtime.quantization.quantized.base`.
    """

    def __init__(
        self,
        model: nn.Module,
        bits_activations: int | None = 8,
        bits_weights: int | None = 8,
        overrides: OrderedDict[str, dict[str, Any]] | None = None,
        statistics: Mapping[str, Statistics] | str | Path | None = None,
        activation_range: str | RangeRule = "mse",
        ranges: Ranges | None = None,
        per_channel_weights: bool = True,
        dynamic: bool = False,
    ) -> None:
        super().__init__(model, None, bits_activations, bits_weights, 32, overrides)
        if not dynamic and statistics is None and ranges is None:
            raise ValueError(
                "static quantization needs statistics of the activations: pass statistics=calibrate(model, data), "
                "or dynamic=True to take scales from each tensor as it comes"
            )
        self.dynamic = dynamic
        self.per_channel_weights = per_channel_weights
        self.activation_range = rule(activation_range)
        given = load_statistics(statistics) if isinstance(statistics, (str, Path)) else statistics or {}
        prefix = "" if unwrapped(model) is model else "module."
        self.statistics = {prefix + key.removeprefix(prefix): seen for key, seen in given.items()}
        self.ranges = {prefix + key.removeprefix(prefix): bounds for key, bounds in (ranges or {}).items()}
        self._with_ranges = frozenset(self.ranges)
        self.plan: dict[str, Place] = {}
        self.absorbed: dict[str, str] = {}
        self.replacement_factory[nn.Module] = self._replace_any
        self._modules: dict[str, nn.Module] = {}
        self._given: dict[str, Given] = {}
        self._steps: set[str] = set()
        """The parts of recurrent layers that run at each step, besides products."""
        self._rows: dict[str, torch.Tensor] = {}
        self._chosen: OrderedDict[str, dict[str, Any]] = OrderedDict()
        """Overrides that were found to be needed, behind those of the user."""

    @property
    def reasons(self) -> dict[str, str]:
        """The modules that ran and stay in floating point, and why."""
        found = {place.name: place.reason for place in self.plan.values() if place.kind is Kind.FLOAT}
        for name, host in self.absorbed.items():  # as a module of its own, where nothing is made integers behind it
            place = self.plan.get(host)
            if not isinstance(self._modules[name], Absorbed) and (place is None or place.output is None):
                found[name] = NOBODY_BEHIND if place is None or not place.reason else place.reason
        return {name: IN_A_STEP if why == NO_BITS and name in self._steps else why for name, why in found.items()}

    def _pre_prepare_model(self, dummy_input: Any) -> None:
        self.model.eval()
        if self.dynamic:
            self._given = {} if dummy_input is None else find_given(self.model, dummy_input)
            return
        if dummy_input is None:
            raise ValueError("prepare_model needs dummy_input, an input of the model, to see how its modules follow")
        folded = fold_batch_norms(self.model, dummy_input)
        adjacency = find_adjacency(self.model, dummy_input)
        self._choose_recurrent(adjacency, dummy_input)
        self._given = find_given(self.model, dummy_input)
        without_given(adjacency, self._given)
        layers = {name: given.layer for name, given in self._given.items()}
        self._modules = {**dict(self.model.named_modules()), **layers}
        activations = find_fused_activations(self.model, adjacency, partial(self._absorbs, adjacency), folded)
        self.absorbed = {**folded, **activations}
        bits = {name: self._activation_bits(name) for name in self._modules}
        unbounded = {key for key, seen in self.statistics.items() if seen.infinite}
        known = {key for key, seen in self.statistics.items() if seen.count and not seen.infinite} | set(self.ranges)
        carriers = find_carriers(self.model, dummy_input)
        asked = self._with_ranges.union(filter(self._named, self._modules))
        planner = Planner(self._modules, adjacency, self.absorbed, carriers, bits, known, unbounded, asked)
        self._choose_ranges(planner, bits)
        self.plan = give_grids(planner, self.ranges, bits)

    def _choose_recurrent(self, adjacency: Adjacency, dummy_input: Any) -> None:
        """Bits for the parts of recurrent layers that nobody has named any for, and the ranges of bounded states."""
        found = list(directions(self.model))
        given = given_in_a_run(self.model, found, dummy_input) if found else None
        self._rows = {} if given is None else given.rows
        for direction in found:
            for name in self._modules_inside(direction.gates):
                self._choose_bits(name, None)
            self._steps.update(self._modules_inside(direction.gates))
            for name in direction.weighted[1:]:
                self._choose_bits(name, WIDE_BITS)
            if direction.bounded:
                for key in (f"{direction.of_state}:input0", *adjacency.makers(direction.of_state)):
                    self.ranges.setdefault(key, (-1.0, 1.0))
            bits, asked = self.module_qbits_map[direction.of_input].wts, not self._named(direction.of_input)
            from_outside = adjacency.makers(direction.of_input) == set()
            plain = isinstance(self.model.get_submodule(direction.of_input), nn.Linear)
            if asked and from_outside and plain and bits is not None and direction.of_input in self._rows:
                assert given is not None
                self._choose_bits(direction.of_input, bits_of_input(self.model, direction, given, bits))

    def _named(self, name: str) -> bool:
        """Whether the user's overrides name this module."""
        skip = len("module.") if unwrapped(self.model) is not self.model else 0
        return self.overrides.names(name[skip:])

    def _modules_inside(self, name: str) -> list[str]:
        return [f"{name}.{part}" for part, _ in self.model.get_submodule(name).named_modules() if part]

    def _choose_bits(self, name: str, activations: int | None) -> None:
        """Unless the user has, or has left the module in floating point with all others."""
        skip = len("module.") if unwrapped(self.model) is not self.model else 0
        before = self.module_qbits_map[name]
        if self._named(name) or before.acts is None or activations == before.acts:
            return
        bits = QBits() if activations is None else before._replace(acts=activations)
        self.module_qbits_map[name] = bits
        self._module_overrides[name] = Override(bits, self._module_overrides[name].arguments)
        self._chosen[re.escape(name[skip:])] = {"bits_activations": bits.acts, "bits_weights": bits.wts}

    def _absorbs(self, adjacency: Adjacency, name: str, after: str) -> bool:
        module, activation = module_of(self._modules[name]), self._modules[after]
        dimensions = adjacency.places[name].dimensions
        if not norm_has_length(module, dimensions):
            return False
        alike = name not in self._given and self._activation_bits(name) == self._activation_bits(after)
        bound = upper_clamp(activation) is not None
        return (alike or bound) and absorbs(module, activation, dimensions)

    def _activation_bits(self, name: str) -> int | None:
        override = self._module_overrides.get(name)
        if override is None or override.arguments.get("fp16"):
            return None
        return override.qbits.acts

    def _choose_ranges(self, planner: Planner, bits: Mapping[str, int | None]) -> None:
        """For each result and each tensor from outside that will be on integers, and no more: searching takes time."""
        for place in planner.places.values():
            if place.kind is Kind.FLOAT:
                continue
            for slot in place.slots:
                if slot.own is not None and slot.own in planner.known:
                    self._choose_range(slot.own, place.name, bits)
            if place.kind is Kind.EMBEDDING:
                weight = self._modules[place.name].weight
                assert isinstance(weight, torch.Tensor)
                self.ranges.setdefault(place.name, (weight.min().item(), weight.max().item()))
            elif place.kind is not Kind.CARRY and planner.gives_integers(place.name):
                self._choose_range(planner.result_key(place.name), place.name, bits, planner.only_consumer(place.name))

    def _choose_range(self, key: str, name: str, bits: Mapping[str, int | None], consumer: str | None = None) -> None:
        number = bits[name]
        if key in self.ranges or number is None or key not in self.statistics:
            return
        chosen = self._module_overrides[name].arguments.get("activation_range")
        choose = self.activation_range if chosen is None else rule(chosen)
        low, high = (bound.item() for bound in choose(self.statistics[key], Grid(number), False))
        if consumer is not None:
            least, most = saturation(self._modules[consumer], number)
            low, high = max(low, least), min(high, most)
        self.ranges[key] = (low, high)

    def _replace_any(
        self,
        module: nn.Module,
        name: str,
        qbits_map: Mapping[str, QBits],
        fp16: bool = False,
        activation_range: str | RangeRule | None = None,
    ) -> nn.Module:
        if any(module.children()) or isinstance(module, Absorbed):
            return module
        if fp16:
            return Half(module) if any(True for _ in module.parameters()) else module
        qbits = qbits_map[name]
        if qbits.bias not in (None, 32):
            raise ValueError(
                f"the bias of {name!r} is added to sums of 32 bits; bits_bias must be 32, not {qbits.bias}"
            )
        if self.dynamic:
            return self._dynamic(module, name, qbits)
        place = self.plan.get(self.absorbed.get(name, name))
        if name in self.absorbed:
            absorbs = place is not None and place.output is not None
            return Absorbed(module, self.absorbed[name]) if absorbs else module
        if place is not None and place.kind is not Kind.FLOAT:
            return self._quantized(module, place, qbits)
        if is_sum(module) and qbits.wts is not None and qbits.acts is None:
            return QuantizedSum(module, qbits.wts, self.per_channel_weights)
        return module

    def _dynamic(self, module: nn.Module, name: str, qbits: QBits) -> nn.Module:
        given, bits = self._given.get(name), self._module_overrides[name].qbits
        if given is not None and is_sum(given.layer) and bits.wts is not None and bits.acts is not None:
            return make_given_dynamic(module, given, bits.wts, self.per_channel_weights, Grid(bits.acts))
        lends = any(module._parameters.get("weight") is one.weight for one in self._given.values())
        if not is_sum(module) or qbits.wts is None or lends:
            return module
        if qbits.acts is None:
            return QuantizedSum(module, qbits.wts, self.per_channel_weights)
        return DynamicSum(module, qbits.wts, self.per_channel_weights, Grid(qbits.acts))

    def _quantized(self, module: nn.Module, place: Place, qbits: QBits) -> nn.Module:
        given, bits = self._given.get(place.name), self._module_overrides[place.name].qbits.wts
        if given is not None and bits is not None:
            quantized: QuantizedModule = make_given(module, given, place.output, bits, self.per_channel_weights)
        elif is_wide(place.inputs) and qbits.wts is not None:
            quantized = WideSum(module, qbits.wts, self.per_channel_weights)
        else:
            quantized = make_quantized(module, place.kind, place.output, qbits.wts, self.per_channel_weights)
        quantized.configure(place.inputs, place.output, place.float_output)
        rows = self._rows.get(place.name)
        shown = rows is not None and show_enough(module, rows)
        if shown and self.per_channel_weights and type(quantized) in (QuantizedSum, WideSum):
            assert isinstance(quantized, QuantizedSum) and isinstance(module.weight, torch.Tensor) and rows is not None
            made = compensated(module.weight.detach(), quantized.weight_params, rows)
            quantized.integers = made.to(quantized.integers.dtype)
        return quantized

    def _whole_handle(self, handle: TiedHandle, name: str) -> nn.Module:
        """The same weights, and scales of its own."""
        first, replacement = self._visited.get(module_of(handle), (name, module_of(handle)))
        if not isinstance(replacement, QuantizedModule):
            alone = first not in self.plan and name in self.plan  # the module itself has not run
            return self._replacement(module_of(handle), name) if alone else super()._whole_handle(handle, name)
        again, place = replacement.again(), self.plan.get(name)
        if place is not None and place.kind is not Kind.FLOAT:
            again.configure(place.inputs, place.output, place.float_output)
        elif isinstance(replacement, QuantizedEmbedding):
            again.configure((), replacement.output_params, float_output=True)
        self._adopt(again, handle, name, self.module_qbits_map[name])
        return again

    def _post_prepare_model(self) -> None:
        """Modules learn which activations they have absorbed."""
        for name, module in self.model.named_modules(remove_duplicate=False):
            place = self.plan.get(name)
            if not isinstance(module, QuantizedModule) or place is None or place.output is None:
                continue
            for activation in (self._modules[key] for key, host in self.absorbed.items() if host == name):
                if (bound := upper_clamp(activation)) is not None:
                    module.fused = bound
                elif (slope := negative_slope(activation)) is not None:
                    module.slope = slope.clone()

    def _metadata_params(self) -> dict[str, Any]:
        """A model is prepared again from the ranges that were chosen; the statistics are many times larger."""
        params = {key: value for key, value in super()._metadata_params().items() if key != "statistics"}
        if not self.dynamic:
            params["ranges"] = {key: list(bounds) for key, bounds in self.ranges.items()}
        if self._chosen:
            params["overrides"] = OrderedDict({**(params.get("overrides") or {}), **self._chosen})
        return params
