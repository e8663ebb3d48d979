"""Which module's output goes to which module: seen by running the model once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from runtime.modules.places import is_leaf
from runtime.quantization.calibration import observing
from runtime.quantization.inputs import explained

SHAPES_ONLY = frozenset(
    "view reshape view_as reshape_as flatten unflatten ravel transpose permute t movedim moveaxis swapaxes swapdims "
    "squeeze unsqueeze expand expand_as broadcast_to contiguous clone detach getitem chunk split tensor_split unbind "
    "narrow select roll flip repeat tile to type_as alias".split()
)
"""Functions that move values without changing them."""


@dataclass
class Place:
    """A module, as one run has met it."""

    calls: int = 0
    sources: list[list[str | None]] = field(default_factory=list)
    """Of each call, for each tensor given: the module whose values it holds; None for an input or a raw operation's."""
    consumers: list[str | None] = field(default_factory=list)
    """Who took its output: a module, or None for anything else, the model's own output included."""
    reshaped: bool = False
    """Some of them took it in another shape."""
    settled: bool = True
    """No call has told it more than its operands: tensors, or sequences of them."""
    dimensions: int = 0
    """Of its output, where that is one tensor, with as many in each call."""

    hooked: bool = False
    """Hooks of the user's see or change what it is given or returns."""

    def returns(self, output: Any) -> None:
        dimensions = output.dim() if isinstance(output, Tensor) else 0
        self.dimensions = dimensions if self.calls == 1 or dimensions == self.dimensions else 0


class Adjacency:
    """The modules that were called, by name, and how their values went from one to the other."""

    def __init__(self, places: dict[str, Place]) -> None:
        self.places = places

    def only_consumer(self, name: str) -> str | None:
        """The module that alone takes the output of `name`, once and as it is, if there is one."""
        place = self.places.get(name)
        if place is None or place.calls != 1 or place.reshaped or place.hooked or len(place.consumers) != 1:
            return None
        consumer = place.consumers[0]
        if consumer is None or self.places[consumer].calls != 1 or self.places[consumer].hooked:
            return None
        return consumer

    def makers(self, name: str) -> set[str]:
        """The modules whose results `name` takes."""
        place = self.places.get(name)
        calls = [] if place is None else place.sources
        return {source for call in calls for source in call if source is not None}

    def raw_inputs(self, name: str) -> tuple[int, ...]:
        """Which of the tensors given to the module come from no module, in none of its calls."""
        place = self.places.get(name)
        if place is None:
            return ()
        positions = range(min(map(len, place.sources)))
        return tuple(p for p in positions if all(sources[p] is None for sources in place.sources))


def find_adjacency(model: nn.Module, dummy_input: Any) -> Adjacency:
    """Runs `model` on `dummy_input`, a tensor, a tuple of arguments or a dict of them; nothing in the model changes."""
    leaves = {name: module for name, module in model.named_modules() if is_leaf(module)}
    watch = _Watch()
    hooked = {name: module for name, module in model.named_modules() if has_hooks(module)}
    hooks = []
    for name in hooked.keys() - leaves.keys():
        hooks.append(hooked[name].register_forward_pre_hook(watch.shown_arguments, prepend=True, with_kwargs=True))
        hooks.append(hooked[name].register_forward_hook(watch.shown_result, prepend=True))
    for name, module in leaves.items():
        hooks.append(module.register_forward_pre_hook(watch.entering(name), with_kwargs=True))
        hooks.append(module.register_forward_hook(watch.leaving(name), always_call=True))
    with observing(model, hooks), watch, explained(model, dummy_input, "its example"):
        output = call(model, dummy_input)
    watch.consumed(output, None)
    for name in watch.places.keys() & hooked.keys():
        watch.places[name].hooked = True
    return Adjacency(watch.places)


def has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def call(model: nn.Module, dummy_input: Any) -> Any:
    if isinstance(dummy_input, dict):
        return model(**dummy_input)
    return model(*dummy_input) if isinstance(dummy_input, (tuple, list)) else model(dummy_input)


class _Watch(TorchFunctionMode):
    """Follows tensors by identity; all of them are kept until the end, so that no identity is used again."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, Place] = {}
        self._running: list[str] = []
        self._made_by: dict[int, tuple[str, bool]] = {}
        """Identity of a tensor -> the module whose values it holds, and whether in another shape."""
        self._kept: list[Any] = []

    def entering(self, name: str) -> Any:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if not self._running:
                place = self.places.setdefault(name, Place())
                place.calls += 1
                place.sources.append(self.consumed((args, kwargs), name))
                place.settled &= all(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs)))
            self._running.append(name)

        return enter

    def leaving(self, name: str) -> Any:
        def leave(module: nn.Module, args: Any, output: Any) -> None:
            self._running.pop()
            if not self._running:
                self.places[name].returns(output)
                for tensor in _tensors(output):
                    self._made_by[id(tensor)] = (name, False)
                    self._kept.append(tensor)

        return leave

    def shown_arguments(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """To hooks of a module that holds others."""
        self.consumed((args, kwargs), None)

    def shown_result(self, module: nn.Module, args: Any, output: Any) -> None:
        self.consumed(output, None)

    def consumed(self, values: Any, by: str | None) -> list[str | None]:
        """Notes who takes these tensors; returns the modules that made them."""
        sources: list[str | None] = []
        for tensor in _tensors(values):
            maker, reshaped = self._made_by.get(id(tensor), (None, False))
            sources.append(maker)
            if maker is not None:
                self.places[maker].consumers.append(by)
                self.places[maker].reshaped |= reshaped
        return sources

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if self._running:
            return output
        made = list(_tensors(output))
        given = list(_tensors((args, kwargs)))
        if made and given:
            self._follow(func.__name__.strip("_"), given, made)
        return output

    def _follow(self, function: str, given: list[Tensor], made: list[Tensor]) -> None:
        self._kept += made
        sources = {self._made_by[id(tensor)][0] for tensor in given if id(tensor) in self._made_by}
        if function in SHAPES_ONLY and len(sources) == 1:
            for tensor in made:
                self._made_by.setdefault(id(tensor), (next(iter(sources)), True))
            return
        self.consumed(given, None)
        for tensor in made:  # in place, it was a module's output before
            self._made_by.pop(id(tensor), None)


def _tensors(values: Any) -> list[Tensor]:
    """Those that can be activations."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
