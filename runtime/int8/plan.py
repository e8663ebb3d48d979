"""A program made ready for inputs of one shape: a list of kernels over one block of memory."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from runtime.int8.memory import Lifetime, place
from runtime.int8.program import Program
from runtime.int8.recording import Around, HostStep, KernelStep, Recording, Step, View, record
from runtime.int8.trees import Tree
from runtime.kernels.native import program as native


class Timing(NamedTuple):
    """How long one step took."""

    layer: str
    op: str
    nanoseconds: int


@dataclass(frozen=True)
class Layout:
    """A recording without what is the same each time or not needed, and where its buffers lie."""

    steps: list[Step]
    outputs: Tree
    held: list[Any]
    inputs: int
    offsets: dict[int, int]
    total: int


class Plan:
    """Runs from several threads at once: each takes memory of its own, which stays for the next to come."""

    def __init__(self, program: Program, inputs: Sequence[Tensor], around: Around) -> None:
        self.strides = [x.stride() for x in inputs]
        copies = [torch.empty_strided(x.shape, x.stride(), dtype=x.dtype).copy_(x) for x in inputs]
        self.layout = _laid_out(record(program, copies, around), len(inputs))
        self._free: list[_Memory] = []
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Memory for activations, of one run."""
        return self.layout.total

    def run(self, inputs: Sequence[Tensor], timings: list[Timing] | None = None) -> Any:
        placed = [_as(x, stride) for x, stride in zip(inputs, self.strides, strict=True)]
        with self._lock:
            memory = self._free.pop() if self._free else None
        memory = memory or _Memory(self.layout)
        try:
            return memory.run(placed, timings)
        finally:
            with self._lock:
                self._free.append(memory)


def _as(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    return x if x.stride() == stride else torch.empty_strided(x.shape, stride, dtype=x.dtype).copy_(x)


def _laid_out(recording: Recording, inputs: int) -> Layout:
    given = set(range(inputs))
    changing = _changing(recording.steps, given)
    wanted = {leaf.buffer for leaf in recording.outputs.leaves() if isinstance(leaf, View)}
    steps = _needed([step for step in recording.steps if step.writes & changing], wanted)
    lifetimes: dict[int, Lifetime] = {}
    for time_, step in enumerate(steps):
        for buffer in step.reads | step.writes:
            lifetimes[buffer] = Lifetime(lifetimes.get(buffer, Lifetime(time_, 0)).first, time_)
    for buffer in wanted & set(lifetimes):
        lifetimes[buffer] = Lifetime(lifetimes[buffer].first, len(steps))
    sizes = {b: recording.sizes[b] for b in lifetimes if b in changing and b not in given}
    offsets, total = place(sizes, lifetimes)

    def constant(leaf: Any) -> Any:
        """Tensors in place of views of what is the same each time."""
        same = isinstance(leaf, View) and leaf.buffer not in changing
        return recording.views[leaf] if same else leaf

    for step in steps:
        if isinstance(step, HostStep):
            step.args, step.kwargs = tree_map_only(View, constant, (step.args, step.kwargs))
    same = [tensor for buffer, tensor in enumerate(recording.tensors) if buffer not in changing]
    return Layout(steps, recording.outputs.map(constant), [recording.held, same], inputs, offsets, total)


def _changing(steps: Sequence[Step], given: set[int]) -> set[int]:
    """The buffers whose contents depend on the inputs, or share memory with what does."""
    changing, before = set(given), 0
    while len(changing) != before:
        before = len(changing)
        for step in steps:
            if (step.reads | step.writes) & changing:
                changing |= step.writes
    return changing


def _needed(steps: Sequence[Step], wanted: set[int]) -> list[Step]:
    """Those that what is wanted depends on."""
    kept: list[Step] = []
    wanted = set(wanted)
    for step in reversed(steps):
        if step.writes & wanted:
            wanted |= step.reads
            kept.append(step)
    return kept[::-1]


class _Run(NamedTuple):
    """Kernels that one native call runs."""

    steps: Any
    names: list[Step]


class _Call(NamedTuple):
    """A function of torch, with its tensors in this memory."""

    step: HostStep
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: list[Tensor]
    holes: dict[int, View] | None
    """Which arguments are views of inputs, which lie elsewhere each time; None where some are inside of arguments."""

    def arguments(self, inputs: Sequence[Tensor]) -> tuple[Sequence[Any], dict[str, Any]]:
        if self.holes is None:
            args, kwargs = tree_map_only(View, lambda view: _resolved(view, inputs), (self.args, self.kwargs))
            return args, kwargs
        if not self.holes:
            return self.args, self.kwargs
        filled = list(self.args)
        for position, view in self.holes.items():
            filled[position] = _resolved(view, inputs)
        return filled, self.kwargs


def _holes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[int, View] | None:
    outer = {position: arg for position, arg in enumerate(args) if isinstance(arg, View)}
    everywhere = sum(isinstance(leaf, View) for leaf in tree_leaves((args, kwargs), is_leaf=_is_view))
    return outer if everywhere == len(outer) else None


def _is_view(value: Any) -> bool:
    return isinstance(value, View)


class _Memory:
    """One block of memory, and the arguments of all kernels with addresses in it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.block = torch.empty(layout.total, dtype=torch.uint8)
        self._arguments: list[Any] = []
        self._inputs: list[tuple[int, int, ctypes.c_void_p]] = []
        """For each field that points into an input: which, where, and the field."""
        self._threads: list[ctypes.c_int32] = []
        self._set_threads = -1
        self.parts: list[_Run | _Call] = list(self._parts())
        self.outputs = layout.outputs.map(self._fixed)

    def run(self, inputs: Sequence[Tensor], timings: list[Timing] | None) -> Any:
        for number, start, pointer in self._inputs:
            pointer.value = inputs[number].data_ptr() + start
        self._follow_threads()
        for part in self.parts:
            if isinstance(part, _Run):
                _run(part, timings)
            else:
                _run_host(part, inputs, timings)
        return self.outputs.build(lambda leaf: _resolved(leaf, inputs, copy=True))

    def _parts(self) -> Iterator[_Run | _Call]:
        for native_steps, steps in groupby(self.layout.steps, lambda step: isinstance(step, KernelStep)):
            if native_steps:
                kernels = [step for step in steps if isinstance(step, KernelStep)]
                array = (native.Step * len(kernels))()
                for entry, kernel in zip(array, kernels, strict=True):
                    entry.kernel = native.number(kernel.kernel)
                    entry.args = self._placed(kernel)
                yield _Run(array, list(kernels))
                continue
            for step in steps:
                assert isinstance(step, HostStep)
                args, kwargs = tree_map_only(View, self._fixed, (step.args, step.kwargs))
                yield _Call(step, args, kwargs, [self._fixed(view) for view in step.results], _holes(args, kwargs))

    def _placed(self, step: KernelStep) -> int:
        """The address of a copy of the arguments, with pointers into this memory."""
        arguments = type(step.arguments).from_buffer_copy(step.arguments)
        self._arguments.append(arguments)
        address = ctypes.addressof(arguments)
        for pointer in step.pointers:
            place_ = ctypes.c_void_p.from_address(address + pointer.field)
            if pointer.buffer < self.layout.inputs:
                self._inputs.append((pointer.buffer, pointer.start, place_))
            elif pointer.buffer in self.layout.offsets:
                place_.value = self.block.data_ptr() + self.layout.offsets[pointer.buffer] + pointer.start
        self._threads.append(ctypes.c_int32.from_address(address + type(arguments).threads.offset))
        return address

    def _fixed(self, leaf: Any) -> Any:
        """The tensor that a view is in this memory; views of inputs stay as they are."""
        if not isinstance(leaf, View) or leaf.buffer < self.layout.inputs:
            return leaf
        return _view(self.block, leaf, self.layout.offsets[leaf.buffer] + leaf.start)

    def _follow_threads(self) -> None:
        wanted = torch.get_num_threads()
        if wanted != self._set_threads:
            for threads in self._threads:
                threads.value = wanted
            self._set_threads = wanted


def _view(memory: Tensor, view: View, start: int) -> Tensor:
    empty = torch.empty(0, dtype=view.dtype)
    return empty.set_(memory.untyped_storage(), start // empty.element_size(), view.size, view.stride)


def _resolved(leaf: Any, inputs: Sequence[Tensor], copy: bool = False) -> Any:
    if isinstance(leaf, View):
        x = inputs[leaf.buffer]
        leaf = _view(x, leaf, int(x.storage_offset()) * x.element_size() + leaf.start)
    return leaf.clone() if copy and isinstance(leaf, Tensor) else leaf


def _run(part: _Run, timings: list[Timing] | None) -> None:
    if timings is None:
        native.run(part.steps)
        return
    nanoseconds = (ctypes.c_int64 * len(part.names))()
    native.run(part.steps, nanoseconds)
    timings += [Timing(step.layer, step.op, took) for step, took in zip(part.names, nanoseconds, strict=True)]


def _run_host(call: _Call, inputs: Sequence[Tensor], timings: list[Timing] | None) -> None:
    start = time.perf_counter_ns()
    args, kwargs = call.arguments(inputs)
    made = call.step.function(*args, **kwargs)
    for place_, tensor in zip(call.results, [made] if isinstance(made, Tensor) else made or (), strict=False):
        place_.copy_(tensor)
    if timings is not None:
        timings.append(Timing(call.step.layer, call.step.op, time.perf_counter_ns() - start))
