"""What recurrent layers and cells need: what they carry from step to step adds up the errors of all steps.

Gates and states stay in floating point, and hidden states enter their product with 16 bits: an LSTM's and a GRU's lie
between -1 and 1, whatever the data. Weights are rounded so that errors make up for each other on what the layer is
given in one run. Where even so 8 bits of the layer's input would lose too much, it is given 16; where these would, the
projection of the input stays in floating point. Who names bits for one of these parts has these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.modules.recurrent.cells import CellTwin
from runtime.modules.recurrent.layers import RecurrentTwin
from runtime.quantization.adjacency import call
from runtime.quantization.arithmetic import Grid, WideGrid, fake_quantize, per_channel, qparams_of
from runtime.quantization.calibration import evaluating, observing
from runtime.quantization.compensated import compensated
from runtime.quantization.quantized.weights import weight_qparams

WIDE_BITS = 16
_ROWS = 4096
"""Of what a projection is given, to round its weights by."""
_LEAST_DECIBELS = 30.0
"""Of a projection's result to the errors of its input and its weights."""


class Direction(NamedTuple):
    """One layer in one direction, or one cell: the names of its parts."""

    layer: str
    """The start of its parts' names."""
    of_input: str
    of_state: str
    gates: str
    projection: str | None
    bounded: bool
    """Whether its hidden state lies between -1 and 1."""

    @property
    def weighted(self) -> tuple[str, ...]:
        return (self.of_input, self.of_state, *([self.projection] if self.projection else []))


def directions(model: nn.Module) -> Iterator[Direction]:
    for name, layer in model.named_modules():
        if not isinstance(layer, (RecurrentTwin, CellTwin)):
            continue
        start = f"{name}." if name else ""
        relu = isinstance(layer, (wrappers.RNN, wrappers.RNNCell)) and layer.nonlinearity == "relu"
        for suffix in [part.removeprefix("ih") for part in layer._modules if part.startswith("ih")]:
            projection = f"{start}hr{suffix}" if isinstance(layer, RecurrentTwin) and layer.proj_size else None
            parts = (f"{start}ih{suffix}", f"{start}hh{suffix}", f"{start}gates{suffix}", projection)
            yield Direction(start, *parts, bounded=not relu and projection is None)


def unobserved(model: nn.Module, chosen: Callable[[str], bool]) -> set[str]:
    """The modules whose activations get no grid, if nobody has `chosen` bits for a part of their layer."""
    found: set[str] = set()
    for direction in directions(model):
        inside = [name for name, _ in model.named_modules() if name.startswith(f"{direction.gates}.")]
        if direction.bounded and not any(map(chosen, [*inside, direction.of_state])):
            found |= {*inside, direction.of_state}
    return found


class Given(NamedTuple):
    """What one run on the example has given the parts of recurrent layers."""

    rows: dict[str, Tensor]
    """To their products, by name, as rows; some of them where they are many."""
    calls: dict[str, tuple[Any, Any]]
    """To the layers themselves, by the start of their parts' names, in their first call: arguments."""


def given_in_a_run(model: nn.Module, found: Sequence[Direction], dummy_input: Any) -> Given:
    rows: dict[str, list[Tensor]] = {name: [] for direction in found for name in direction.weighted}
    calls: dict[str, tuple[Any, Any]] = {}

    def keep_rows(name: str) -> Callable[..., None]:
        return lambda module, args: rows[name].append(args[0].detach().flatten(0, -2).float())

    def keep_call(name: str) -> Callable[..., None]:
        return lambda module, args, kwargs: calls.setdefault(name, (args, kwargs)) and None

    hooks = [model.get_submodule(name).register_forward_pre_hook(keep_rows(name)) for name in rows]
    for start in {direction.layer for direction in found}:
        layer = model.get_submodule(start.removesuffix("."))
        hooks.append(layer.register_forward_pre_hook(keep_call(start), with_kwargs=True))
    with observing(model, hooks):
        call(model, dummy_input)
    return Given({name: _some(torch.cat(parts)) for name, parts in rows.items() if parts}, calls)


def _some(rows: Tensor) -> Tensor:
    return rows[:: -(-len(rows) // _ROWS)]


def bits_of_input(model: nn.Module, direction: Direction, given: Given, bits_of_weight: int) -> int | None:
    """How many bits what comes into the layer must have for its states to be near enough; None if none are."""
    projection = model.get_submodule(direction.of_input)
    assert isinstance(projection, nn.Linear)
    rows = given.rows[direction.of_input]
    results = _results_to_compare(model, direction, given)
    exact = results()
    power = (exact - exact.mean(0)).square().sum() if len(exact) > 1 else exact.square().sum()
    grids: dict[int, tuple[Grid, bool]] = {8: (Grid(8), False), WIDE_BITS: (WideGrid(), True)}
    with _weight_of(projection, rounded_weight(projection, rows, bits_of_weight)):
        for number, (grid, symmetric) in grids.items():
            params = qparams_of(rows, grid, symmetric)
            hook = projection.register_forward_pre_hook(lambda _, x, params=params: fake_quantize(x[0], params))
            try:
                noise = (results() - exact).square().sum()
            finally:
                hook.remove()
            if noise * 10 ** (_LEAST_DECIBELS / 10) <= power:
                return number
    return None


def _results_to_compare(model: nn.Module, direction: Direction, given: Given) -> Callable[[], Tensor]:
    """All states of a layer; of a cell, which sees one step of many, what its projection returns."""
    twin = model.get_submodule(direction.layer.removesuffix("."))
    if isinstance(twin, CellTwin):
        return partial(_projected, model.get_submodule(direction.of_input), given.rows[direction.of_input])
    join = model.get_submodule(direction.gates.replace("gates_", "join_"))
    return partial(_states, twin, join, *given.calls[direction.layer])


def _projected(projection: nn.Module, rows: Tensor) -> Tensor:
    with torch.no_grad():
        result: Tensor = projection(rows)
    return result.double()


def _states(twin: nn.Module, join: nn.Module, args: Any, kwargs: Any) -> Tensor:
    """All hidden states of one layer and direction, as rows."""
    kept: list[Tensor] = []
    hook = join.register_forward_hook(lambda module, args, output: kept.append(output))
    try:
        with evaluating(twin), torch.no_grad():
            twin(*args, **kwargs)
    finally:
        hook.remove()
    return kept[0].flatten(0, -2).double()


@contextmanager
def _weight_of(projection: nn.Linear, weight: Tensor) -> Iterator[None]:
    before = projection.weight.data
    projection.weight.data = weight
    try:
        yield
    finally:
        projection.weight.data = before


def rounded_weight(layer: nn.Linear, rows: Tensor, bits: int) -> Tensor:
    """The weight on its grid, in real numbers."""
    params = weight_qparams(layer.weight.detach(), bits, per_channel(0))
    shown = rows if show_enough(layer, rows) else torch.zeros_like(rows)
    return compensated(layer.weight.detach(), params, shown) * params.scale.unsqueeze(1)


def show_enough(layer: nn.Module, rows: Tensor) -> bool:
    """Whether rows tell what the layer is given: of one step they do not, and errors would go where others need it."""
    return isinstance(layer, nn.Linear) and len(rows) >= layer.in_features
