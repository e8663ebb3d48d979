"""Runs data through a model and keeps the statistics of what goes into and comes out of its modules.

Statistics are keyed by the name of the module: `conv1` for what it returns, `conv1:output1` for a second tensor of a
tuple, and `conv1:input0` for what it is given, as far as that is not itself what a module returned.

Under torch.distributed the batches are dealt to the ranks in turn, and every rank ends with the statistics of all of
them: the very numbers that one process would have.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.export import register_dataclass
from torch.utils._pytree import SUPPORTED_NODES, tree_leaves
from torch.utils.data import DistributedSampler
from torch.utils.hooks import RemovableHandle

from runtime.modules.kept_state import keeping_state
from runtime.modules.places import is_leaf
from runtime.modules.plain_weights import with_plain_weights
from runtime.quantization.inputs import InputError, door, explained
from runtime.quantization.observers import Statistics

Forward = Callable[[nn.Module, Any], Any]
"""Runs a model on one batch, whatever that is."""


@door("calibrate")
def calibrate(
    model: nn.Module,
    data: Iterable[Any],
    forward: Forward | None = None,
    batches: int | None = None,
    unobserved: Collection[str] = (),
) -> dict[str, Statistics]:
    """The statistics of every leaf module of `model` over `data`, in eval mode and without gradients.

    Modules that are `unobserved` are left out, for who knows that they get no grid.

    A batch is a tensor, a mapping of keyword arguments, or a tuple or list of arguments; what `model.forward` does not
    take at the end of a tuple (labels, say) is left out. For anything else pass `forward(model, batch)`. Of the data no
    more than the first `batches` are looked at.
    """
    forward = forward or run_batch
    collector = _Collector(unobserved)
    model = with_plain_weights(model)  # its modules have the names that they will have when they are quantized
    with evaluating(model), collector.attached(model), torch.no_grad():
        for number, batch in _own_batches(data, batches):
            collector.begin(number)
            with explained(model, batch, f"batch {number} of data"):
                forward(model, batch)
    statistics = _merged_over_ranks(collector.statistics)
    if not statistics:
        raise ValueError("calibration has seen nothing: the data are empty, or no module of the model was called")
    return statistics


def run_batch(model: nn.Module, batch: Any) -> Any:
    """Calls `model` with what a data loader yielded."""
    if isinstance(batch, Mapping):
        return model(**batch)
    if isinstance(batch, (tuple, list)):
        return model(*batch[: _positional_arguments(model, len(batch))])
    return model(batch)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode, and afterwards each module's own mode again, and what the model carries from call to call."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with keeping_state(model):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def observing(model: nn.Module, hooks: Iterable[RemovableHandle]) -> Iterator[None]:
    """Eval mode without derivatives, for runs in which these hooks look on; they are taken off afterwards."""
    try:
        with evaluating(model), torch.no_grad():
            yield
    finally:
        for hook in hooks:
            hook.remove()


def leaf_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that compute, by name: those that contain no others, and handles on such."""
    return {name: module for name, module in model.named_modules() if is_leaf(module)}


def float_tensors(values: Any) -> list[Tensor]:
    """The tensors among arguments or results that can be activations, in order."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _open_dataclass(module: nn.Module, args: Any, output: Any) -> None:
    """Lets torch's trees look into a result of a class of the model's own, from now on."""
    kind = type(output)
    if is_dataclass(output) and kind not in SUPPORTED_NODES:
        register_dataclass(kind)


class _Collector:
    """Hooks on leaf modules that add to the statistics."""

    def __init__(self, unobserved: Collection[str]) -> None:
        self.statistics: dict[str, Statistics] = {}
        self._unobserved = frozenset(unobserved)
        self._batch = 0
        self._depth = 0
        self._given: dict[int, weakref.ref[Tensor]] = {}
        """What modules returned, by identity; a weak reference tells whether it still is the same tensor."""

    def begin(self, batch: int) -> None:
        self._batch = batch
        self._given.clear()

    @contextmanager
    def attached(self, model: nn.Module) -> Iterator[None]:
        hooks = [module.register_forward_hook(_open_dataclass) for module in model.modules()]
        for name, module in leaf_modules(model).items():
            hooks.append(module.register_forward_pre_hook(self._entering(name), with_kwargs=True))
            hooks.append(module.register_forward_hook(self._leaving(name), always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _entering(self, name: str) -> Callable[..., None]:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            self._depth += 1
            if self._depth > 1 or name in self._unobserved:  # a module that a handle calls: the handle is observed
                return
            for position, tensor in enumerate(float_tensors((args, kwargs))):
                known = self._given.get(id(tensor))
                if known is None or known() is not tensor:
                    self._observe(f"{name}:input{position}", tensor)

        return enter

    def _leaving(self, name: str) -> Callable[..., None]:
        def leave(module: nn.Module, args: Any, output: Any) -> None:
            self._depth -= 1
            if self._depth:
                return
            for position, tensor in enumerate(float_tensors(output)):
                self._given[id(tensor)] = weakref.ref(tensor)
                if name in self._unobserved:
                    continue
                self._observe(f"{name}:output{position}" if position else name, tensor)

        return leave

    def _observe(self, key: str, tensor: Tensor) -> None:
        try:
            self.statistics.setdefault(key, Statistics()).observe(tensor, self._batch)
        except ValueError as error:
            raise InputError(f"calibration of {key!r} in batch {self._batch}: {error}") from error


def _own_batches(data: Iterable[Any], limit: int | None) -> Iterator[tuple[int, Any]]:
    """This rank's batches with their numbers in the whole; a DistributedSampler has chosen them already."""
    rank, ranks = rank_of_ranks()
    chosen = isinstance(getattr(data, "sampler", None), DistributedSampler)
    for place, batch in enumerate(data):
        number = place * ranks + rank if chosen else place
        if limit is not None and number >= limit:
            return
        if number % ranks == rank:
            yield number, batch


def rank_of_ranks() -> tuple[int, int]:
    """Which process this is, and of how many; (0, 1) without torch.distributed."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def _merged_over_ranks(statistics: dict[str, Statistics]) -> dict[str, Statistics]:
    _, ranks = rank_of_ranks()
    if ranks == 1:
        return statistics
    gathered: list[dict[str, Statistics]] = [{} for _ in range(ranks)]
    distributed.all_gather_object(gathered, statistics)
    return merged(gathered)


def merged(parts: Sequence[dict[str, Statistics]]) -> dict[str, Statistics]:
    """The statistics of several calibrations as if they had been one."""
    whole: dict[str, Statistics] = {}
    for part in parts:
        for name, statistics in part.items():
            whole.setdefault(name, Statistics(statistics.axis)).merge(statistics)
    return whole


def _positional_arguments(model: nn.Module, given: int) -> int:
    """How many of `given` arguments `model.forward` takes."""
    kinds = [parameter.kind for parameter in inspect.signature(model.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return given
    return sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
