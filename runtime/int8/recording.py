"""Running a program once, and noting every kernel that it calls and everything that torch does between them."""

from __future__ import annotations

import bisect
import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from runtime.int8.program import Op, Program
from runtime.int8.program import Step as OpStep
from runtime.kernels import native
from runtime.kernels.native import abi, library

_WRITTEN = {"out", "out_float", "state", "codes", "sums"}
_EMPTY = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided"}
_COPIES = {"clone", "copy_", "_to_copy"}
_PAD = "constant_pad_nd"
_MOVE = "move"
_LONGEST = 8
"""Dimensions of a move."""


Around = Callable[[OpStep], OpStep]


@dataclass(frozen=True)
class View:
    """A tensor as a part of a buffer."""

    buffer: int
    dtype: torch.dtype
    size: tuple[int, ...]
    stride: tuple[int, ...]
    start: int
    """In bytes."""


class Pointer(NamedTuple):
    """A field of a kernel's arguments that points into a buffer."""

    field: int
    """Its place in the arguments, in bytes."""
    buffer: int
    start: int


@dataclass
class Step:
    """What is done, which buffers that reads and which it writes."""

    layer: str
    op: str
    reads: set[int] = field(default_factory=set)
    writes: set[int] = field(default_factory=set)


@dataclass
class KernelStep(Step):
    kernel: str = ""
    arguments: Any = None
    pointers: list[Pointer] = field(default_factory=list)


@dataclass
class HostStep(Step):
    """An operation of torch's on views; `results` are filled with what it returns, unless it writes by itself."""

    function: Any = None
    args: Any = ()
    kwargs: Any = field(default_factory=dict)
    results: list[View] = field(default_factory=list)


@dataclass
class Recording:
    """Buffers are numbered; the first are the inputs."""

    steps: list[Step]
    sizes: list[int]
    outputs: Any
    """The tree of results with View, Tensor (the same each time), numbers and None at its leaves."""
    held: list[Any]
    """What owns memory that arguments of kernels point to."""
    views: dict[View, Tensor]
    tensors: list[Tensor]
    """What lies in each of the buffers."""


def record(program: Program, inputs: Sequence[Tensor], around: Around) -> Recording:
    """Runs `program` on the native kernels, with `around` what computes each operation."""
    recorder = _Recorder(inputs)
    with torch.no_grad():
        values = program.run(inputs, around(recorder.step))
    outputs = program.outputs.map(lambda leaf: recorder.shown(program.given(leaf, values)))
    held = [*recorder.kept, program.constants]
    return Recording(recorder.steps, recorder.buffers.sizes, outputs, held, recorder.views, recorder.buffers.tensors)


class _Buffers:
    """Memory that tensors lie in, by address."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.tensors: list[Tensor] = []
        self._starts: list[int] = []
        self._numbers: list[int] = []

    def add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        start = storage.data_ptr()
        if start == 0 or self.at(start) is not None:
            return
        place = bisect.bisect(self._starts, start)
        self._starts.insert(place, start)
        self._numbers.insert(place, len(self.sizes))
        self.sizes.append(storage.nbytes())
        self.tensors.append(tensor)

    def at(self, address: int) -> tuple[int, int] | None:
        """Which buffer an address lies in, and where; None outside of all."""
        place = bisect.bisect(self._starts, address) - 1
        if place < 0 or address >= self._starts[place] + self.sizes[self._numbers[place]]:
            return None
        return self._numbers[place], address - self._starts[place]

    def view(self, tensor: Tensor) -> View | None:
        found = self.at(tensor.untyped_storage().data_ptr())
        if found is None:
            return None
        start = int(tensor.storage_offset()) * tensor.element_size()
        return View(found[0], tensor.dtype, tuple(tensor.shape), tuple(tensor.stride()), start)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tensors are kept until the end, so that no memory is used twice."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Step] = []
        self.views: dict[View, Tensor] = {}
        self.buffers = _Buffers()
        self.kept: list[Any] = []
        self._alive: list[Any] = list(inputs)
        self._op = Op("", ())
        self._calls = library.Recording()
        for tensor in inputs:
            self.buffers.add(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Telling torch's compiler to skip it would first import that compiler, 80 MB of it."""
        return False

    def step(self, op: Op, function: Callable[..., Any], args: list[Any]) -> Any:
        """Computes one operation. A kernel is called twice: first as an operator, which checks its arguments."""
        self._op = op
        if op.name.startswith("number."):
            return function(*args)
        if op.is_kernel:
            function(*args, **op.kwargs)
            function = getattr(native, op.name.split(".")[1])
        with library.recorded() as self._calls, self:
            result = function(*args, **op.kwargs)
        self._drain()
        self.kept += self._calls.kept
        self._alive.append(result)
        return result

    def shown(self, value: Any) -> Any:
        view = self.buffers.view(value) if isinstance(value, Tensor) else None
        if view is None:
            return value
        self.views[view] = value
        return view

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._drain()
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self._alive.append((result, args))
        known = {tensor.untyped_storage().data_ptr() for tensor in given}
        changes = func._schema.is_mutable
        new = [tensor for tensor in made if tensor.untyped_storage().data_ptr() not in known]
        for tensor in new:
            self.buffers.add(tensor)
        if (new or changes) and func._opname not in _EMPTY:
            self.steps += self._torch_steps(func, args, kwargs, given, made, changes)
        return result

    def _torch_steps(
        self, func: Any, args: Any, kwargs: Any, given: list[Tensor], made: list[Tensor], changes: bool
    ) -> Iterator[Step]:
        moves = self._moves(func._opname, args, given, made)
        if moves is not None:
            yield from moves
            return
        reads = {view.buffer for tensor in given if (view := self.buffers.view(tensor))}
        results = [view for tensor in made if (view := self.buffers.view(tensor))]
        shown_args, shown_kwargs = tree_map_only(Tensor, self.shown, (args, kwargs))
        writes = {view.buffer for view in results}
        results = [] if changes else results
        yield HostStep(self._op.layer, func._opname, reads, writes, func, shown_args, shown_kwargs, results)

    def _moves(self, name: str, args: Any, given: list[Tensor], made: list[Tensor]) -> list[Step] | None:
        """Copies as kernels, where they are nothing else."""
        if name == "cat":
            out, pairs, done = made[0], [], 0
            if any(x.dim() != out.dim() for x in given):
                return None
            dims = [d for d in range(out.dim()) if any(x.shape[d] != out.shape[d] for x in given)] or [0]
            for x in given:
                pairs.append((x, out.narrow(dims[0], done, x.shape[dims[0]])))
                done += x.shape[dims[0]]
            if len(dims) != 1 or done != out.shape[dims[0]]:
                return None
        elif name in _COPIES:
            pairs = [(given[-1], made[0])]
        elif name == _PAD:
            pairs = self._framed(given[0], made[0], *args[1:])
        else:
            return None
        if any(a.dtype != b.dtype or b.dim() > _LONGEST or self.buffers.view(b) is None for a, b in pairs):
            return None
        return [self._move(a.expand(b.shape), b) for a, b in pairs]

    def _framed(self, x: Tensor, out: Tensor, widths: Sequence[int], value: float = 0) -> list[tuple[Tensor, Tensor]]:
        """One number everywhere, then what has a frame around it; where parts are cut off, those are not moved."""
        number = torch.full([1] * out.dim(), value, dtype=out.dtype)
        self.buffers.add(number)
        inside = out
        for place, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
            dim = out.dim() - 1 - place
            x = x.narrow(dim, max(-before, 0), x.shape[dim] - max(-before, 0) - max(-after, 0))
            inside = inside.narrow(dim, max(before, 0), x.shape[dim])
        return [(number, out), (x, inside)]

    def _move(self, x: Tensor, out: Tensor) -> Step:
        self._alive.append((x, out))
        arguments = abi.arguments(_MOVE)(
            x=x.data_ptr(),
            out=out.data_ptr(),
            dims=out.dim(),
            width=out.element_size(),
            size=tuple(out.shape),
            x_stride=tuple(x.stride()),
            out_stride=tuple(out.stride()),
            threads=torch.get_num_threads(),
        )
        return self._kernel(_MOVE, arguments)

    def _drain(self) -> None:
        """Takes over the kernels that were called since the last time."""
        self.steps += [self._kernel(*call) for call in self._calls.calls]
        self._calls.calls.clear()

    def _kernel(self, kernel: str, arguments: ctypes.Structure) -> KernelStep:
        name = _MOVE if kernel == _MOVE else self._op.name
        step = KernelStep(self._op.layer, name, kernel=kernel, arguments=arguments)
        for field_name, kind, *_ in type(arguments)._fields_:
            address = getattr(arguments, field_name) if kind is ctypes.c_void_p else None
            found = None if address is None else self.buffers.at(address)
            if found is None:
                continue
            step.pointers.append(Pointer(getattr(type(arguments), field_name).offset, *found))
            if field_name in _WRITTEN:
                step.writes.add(found[0])
            if field_name not in _WRITTEN or field_name == "state":
                step.reads.add(found[0])
        return step
