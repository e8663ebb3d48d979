"""Decides, before anything is replaced, which tensors of a model become integers, and on which grids.

A tensor becomes integers where a module that computes on integers takes it and one that can return integers returns it.
Everything is looked up in what one run has shown of the model (`Adjacency`) and in the statistics of calibration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from rewriter.torch_api.traits import Trait
from runtime.modules.convert import TWINS
from runtime.modules.places import Tied, module_of
from runtime.quantization.adjacency import Adjacency
from runtime.quantization.aligned import Alignment, Range
from runtime.quantization.arithmetic import Grid, QParams, WideGrid, qparams_from_range
from runtime.quantization.fusion import Absorbed
from runtime.quantization.kinds import Kind, kind_of
from runtime.quantization.known import has
from runtime.quantization.quantized.sums import is_sum
from runtime.quantization.reasons import NO_BITS, NO_FORM, NOBODY_BEHIND, NOT_MADE_OF_MODULES, NOTHING_BEFORE

ALIGN_JOINS_WITHIN = 2.0
"""A join gives up no more than one bit of its narrowest operand to have all on one grid."""


@dataclass
class Slot:
    """One tensor that a module is given."""

    points: list[str]
    """The modules whose integers it may hold."""
    own: str | None
    """The key of its own statistics, where it may be no module's integers."""


@dataclass
class Place:
    """What becomes of one module."""

    name: str
    kind: Kind
    reason: str = ""
    """Why it stays in floating point."""
    slots: list[Slot] = field(default_factory=list)
    inputs: list[QParams | None] = field(default_factory=list)
    output: QParams | None = None
    float_output: bool = False


class Planner:
    """Goes over the modules in the order in which they ran.

    `known` are the results and inputs that a range can be given to, `unbounded` those whose values reach infinity,
    `asked` the modules that somebody has named bits or a range for.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        adjacency: Adjacency,
        absorbed: Mapping[str, str],
        carriers: Collection[str],
        bits: Mapping[str, int | None],
        known: Collection[str],
        unbounded: Collection[str],
        asked: Collection[str] = (),
    ) -> None:
        self.modules, self.adjacency, self.absorbed, self.carriers = modules, adjacency, absorbed, carriers
        self.bits, self.known, self.unbounded, self.asked = bits, known, unbounded, asked
        self._absorbed_by: dict[str, list[str]] = {}
        for name in absorbed:
            self._absorbed_by.setdefault(self.host(name), []).append(name)
        self.places: dict[str, Place] = {}
        self._wanted: dict[str, bool] = {}
        for name in adjacency.places:
            if name not in absorbed:
                self.places[name] = self._first_guess(name)
        for place in self.places.values():
            self._settle(place)
        for place in self.places.values():  # what comes back from later in the run is settled only now
            place.slots = list(self._slots(place.name))

    def _first_guess(self, name: str) -> Place:
        module = self.modules[name]
        seen = self.adjacency.places[name]
        if seen.hooked:
            return Place(name, Kind.FLOAT, "hooks run with it, which take floating point")
        tensors = min(map(len, seen.sources), default=0)
        kind = kind_of(module_of(module), tensors, seen.settled, seen.dimensions)
        if kind is Kind.EMBEDDING and isinstance(module, Tied):
            return Place(name, Kind.FLOAT, "its rows lie on the grid of another call")
        if kind is Kind.FLOAT and name in self.carriers:
            kind = Kind.CARRY
        if kind is Kind.INNER and has(module_of(module), Trait.NORMALIZATION) and len(self.adjacency.makers(name)) > 1:
            # It takes the magnitude out, so what it is given may be of any: what is small would be lost.
            return Place(name, Kind.FLOAT, "several modules give to it, and would have one grid for all")
        if kind is Kind.FLOAT:
            compound = isinstance(module, tuple(TWINS))
            return Place(name, kind, NOT_MADE_OF_MODULES if compound else NO_FORM)
        if self.bits[name] is None:
            return Place(name, Kind.FLOAT, NO_BITS)
        if kind in (Kind.CARRY, Kind.EMBEDDING) or self._sums(name) or self.result_key(name) in self.known:
            return Place(name, kind)
        unbounded = self.result_key(name) in self.unbounded
        return Place(name, Kind.FLOAT, "its values reach infinity" if unbounded else "calibration has not seen it")

    def _is_asked(self, name: str) -> bool:
        return name in self.asked or self.result_key(name) in self.asked

    def _ends_in_activation(self, name: str) -> bool:
        behind = (self.modules[absorbed] for absorbed in self._absorbed_by.get(name, ()))
        return any(not isinstance(module, Absorbed) for module in behind)

    def _sums(self, name: str) -> bool:
        """Convolutions and linear layers may as well return floating point, if that is what is wanted of them; an
        activation behind them is a module by itself then."""
        return is_sum(module_of(self.modules[name]))

    def _settle(self, place: Place) -> None:
        place.slots = list(self._slots(place.name))
        if place.kind in (Kind.FLOAT, Kind.SUM):
            return
        given = any(slot.points for slot in place.slots) or place.kind is Kind.EMBEDDING
        if not self.wanted(place.name):
            place.kind, place.reason = Kind.FLOAT, NOBODY_BEHIND
        elif not given:
            place.kind, place.reason = Kind.FLOAT, NOTHING_BEFORE
        elif place.kind is Kind.OPERANDS and any(s.own is not None and s.own not in self.known for s in place.slots):
            place.kind, place.reason = Kind.FLOAT, "an operand has no range"

    def _slots(self, name: str) -> Iterator[Slot]:
        calls = self.adjacency.places[name].sources
        for position in range(min(map(len, calls), default=0)):
            points: list[str] = []
            own = None
            for source in dict.fromkeys(call[position] for call in calls):
                found = self.points_behind(source)
                points += [point for point in found if point not in points]
                if not found:
                    own = f"{name}:input{position}" if source is None else self.result_key(source)
            if own is None and f"{name}:input{position}" in self.known:
                own = f"{name}:input{position}"  # in other runs it may have come from somewhere else
            yield Slot(points, own)

    def points_behind(self, source: str | None) -> list[str]:
        """The modules whose integers `source` returns: itself, or what is behind it if it only passes on."""
        if source is None:
            return []
        source = self.host(source)
        place = self.places.get(source)
        if place is None or place.kind is Kind.FLOAT:
            return []
        if place.kind is not Kind.CARRY:
            return [source] if self.gives_integers(source) else []
        return place.slots[0].points if place.slots else []

    def gives_integers(self, name: str) -> bool:
        if not self._sums(name) or (self._is_asked(name) and self._ends_in_activation(name)):
            return not self.is_wide(name)
        return self.result_key(name) in self.known and self.wanted(name) and not self.is_wide(name)

    def is_wide(self, name: str) -> bool:
        """Whether it sums products of 16 bits: such a layer stands between floating point and floating point."""
        return self._sums(name) and self.bits[name] == WideGrid().bits

    def host(self, name: str) -> str:
        while name in self.absorbed:
            name = self.absorbed[name]
        return name

    def result_key(self, name: str) -> str:
        """Under which name the statistics are that describe what `name` returns in the end."""
        return self._absorbed_by.get(self.host(name), [name])[-1]

    def consumers(self, name: str) -> Iterator[str | None]:
        for key in (name, *self._absorbed_by.get(name, ())):
            for consumer in self.adjacency.places[key].consumers:
                if consumer not in self.absorbed:
                    yield consumer

    def wanted(self, name: str) -> bool:
        """Whether somebody takes the result of `name` as integers."""
        if name not in self._wanted:
            self._wanted[name] = False  # what comes back to itself alone is not
            self._wanted[name] = any(self._takes_integers(consumer) for consumer in self.consumers(name))
        return self._wanted[name]

    def _takes_integers(self, consumer: str | None) -> bool:
        place = None if consumer is None else self.places.get(consumer)
        if place is None or place.kind is Kind.FLOAT:
            return False
        return not self.is_wide(place.name) if place.kind is Kind.SUM else self.wanted(place.name)

    def only_consumer(self, name: str) -> str | None:
        """The module that alone takes the result of `name`, if there is one."""
        consumers = list(self.consumers(name))
        return consumers[0] if len(consumers) == 1 else None

    def taken_in_float(self, name: str) -> bool:
        """Whether somebody takes the result of `name` who knows nothing of integers."""
        for consumer in self.consumers(name):
            place = None if consumer is None else self.places.get(consumer)
            if place is None or place.kind is Kind.FLOAT:
                return True
        return False


def give_grids(planner: Planner, ranges: Mapping[str, Range], bits: Mapping[str, int | None]) -> dict[str, Place]:
    """Chooses the grids of everything in the plan; `ranges` are those of results and of tensors from outside."""
    alignment = Alignment(ranges)
    for place in planner.places.values():
        for slot in place.slots if place.kind is not Kind.FLOAT else ():
            if slot.points:
                _check_bits(place.name, slot.points, bits)
                sources = [planner.result_key(point) for point in slot.points]
                alignment.align(sources if slot.own not in ranges else [*sources, slot.own or ""])
    for place in planner.places.values():
        if place.kind is Kind.JOIN:
            keys = [key for slot in place.slots if (key := _slot_key(planner, slot)) in ranges]
            alignment.align([planner.result_key(place.name), *keys], ALIGN_JOINS_WITHIN)
    for place in planner.places.values():
        if place.kind is not Kind.FLOAT:
            _give_grid(planner, place, alignment, ranges, bits)
    return planner.places


def _check_bits(name: str, points: list[str], bits: Mapping[str, int | None]) -> None:
    if len({bits[point] for point in points}) > 1:
        shown = ", ".join(f"{point!r} ({bits[point]})" for point in points)
        raise ValueError(f"{name!r} takes from several modules in turn, which need the same number of bits: {shown}")


def _give_grid(
    planner: Planner,
    place: Place,
    alignment: Alignment,
    ranges: Mapping[str, Range],
    bits: Mapping[str, int | None],
) -> None:
    own_bits = bits[place.name]
    for slot in place.slots:
        key = _slot_key(planner, slot)
        number = bits[slot.points[0]] if slot.points else own_bits
        usable = key in ranges and (slot.points or place.kind is not Kind.INNER)
        wide = not slot.points and planner.is_wide(place.name)
        place.inputs.append(_on_grid(alignment.range_of(key), number, wide) if usable else None)
    if place.kind is Kind.CARRY:
        place.output = place.inputs[0] if place.inputs else None
    elif planner.gives_integers(place.name):
        place.output = _on_grid(alignment.range_of(planner.result_key(place.name)), own_bits)
    place.float_output = planner.taken_in_float(place.name)


def _slot_key(planner: Planner, slot: Slot) -> str:
    return planner.result_key(slot.points[0]) if slot.points else slot.own or ""


def _on_grid(bounds: Range, bits: int | None, wide: bool = False) -> QParams:
    low, high = (torch.tensor(bound, dtype=torch.float64) for bound in bounds)
    assert bits is not None
    return qparams_from_range(low, high, WideGrid() if wide else Grid(bits), symmetric=wide)
