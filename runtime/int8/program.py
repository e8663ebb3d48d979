"""A model as a flat list of operations: what `capture` makes, files hold, and plans run."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from runtime.int8.trees import Tree

NAMESPACE = "runtime_int8"
UNSAFE = {"as_strided", "empty", "empty_strided", "rand", "randn", "randperm", "native_dropout", "bernoulli", "copy"}
"""Core operations that read memory which nobody wrote, or have another result each time."""

ACTIVATIONS = set("prelu silu mish softplus hardswish hardsigmoid celu selu".split())
"""Pure operations that torch computes at once, and its decompositions in several passes over memory."""
_MORE = ACTIVATIONS | set("adaptive_avg_pool2d linear linalg_vector_norm _unsafe_view".split())
_MORE |= set("split chunk unflatten detach alias contiguous unbind".split())
"""Operations that are pure but no core ones."""
_PRIVATE = {"_softmax", "_log_softmax", "_to_copy", "_unsafe_view", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d"}
_SETTINGS = {
    "ScalarType": torch.dtype,
    "Layout": torch.layout,
    "MemoryFormat": torch.memory_format,
    "Device": torch.device,
}
"""What arguments are that torch has lists of."""
_LARGEST = 2**63
_LONGEST = 2**20
"""Operations that all steps of a loop run."""
_IMAGES = 4
"""Dimensions of a batch of images."""
LOOP = "loop"
"""An operation on the inputs of the steps, along their first dimension, and the parts of the state at the start. It
returns the first part of the state after each step, stacked, then all of the state at the end."""


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Python's arithmetic, on sizes and other small numbers only."""

    def compute(*args: Any) -> Any:
        result = function(*args) if all(isinstance(arg, (bool, int, float)) for arg in args) else None
        if result is None or not -_LARGEST < result < _LARGEST:
            raise ValueError(f"{function.__name__} takes and returns numbers of 64 bits, not {args!r}")
        return result

    return compute


def _normalization(function: Callable[..., Any]) -> Callable[..., Any]:
    """Torch's own reads as many weights and statistics as there are channels, however many were given."""

    def compute(x: Tensor, *rest: Any) -> Any:
        for tensor in rest:
            if isinstance(tensor, Tensor) and tensor.shape != x.shape[1:2]:
                raise ValueError(f"a normalization of {x.shape[1]} channels takes no {tuple(tensor.shape)} numbers")
        return function(x, *rest)

    return compute


def _side_by_side(x: Tensor, *rest: Any) -> Any:
    """Torch's own takes three to twenty times as long where channels do not lie side by side. A maximum is the same."""
    if x.dim() != _IMAGES:
        return torch.ops.aten.max_pool2d_with_indices.default(x, *rest)
    moved = x.contiguous(memory_format=torch.channels_last)
    pooled, places = torch.ops.aten.max_pool2d_with_indices.default(moved, *rest)
    if x.is_contiguous():
        return pooled.contiguous(), places.contiguous()
    return pooled, places


_OWN: dict[str, Callable[..., Any]] = {
    f"aten.{function._opname}.{function._overloadname}": _normalization(function)
    for function in (
        torch.ops.aten._native_batch_norm_legit_no_training.default,
        torch.ops.aten._native_batch_norm_legit.no_stats,
    )
}
"""What computes pure core operations that do not check what they are given, or that are slow as they are given it."""
_OWN["aten.max_pool2d_with_indices.default"] = _side_by_side
_NUMBERS: dict[str, Callable[..., Any]] = {
    name: _of_numbers(getattr(operator, name))
    for name in "add sub mul floordiv mod neg eq ne lt le gt ge truediv".split()
}
_NUMBERS["size"] = lambda tensor, dim: tensor.shape[dim]
_NUMBERS["getitem"] = operator.getitem


@dataclass(frozen=True)
class Ref:
    """The result of an operation, or an input: values are numbered in the order in which they come to be."""

    number: int


@dataclass(frozen=True)
class Constant:
    """A tensor that the program holds."""

    number: int


@dataclass
class Op:
    """`name` is namespace.operator.overload of a torch operator, or number.operator for Python's own."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    layer: str = ""
    """The module that it comes from."""
    shape: tuple[str, ...] = ()
    """Of the result, where that is a tensor; sizes that depend on the batch are formulas."""
    body: Program | None = None
    """Of a loop: what each step makes of its input and the state before it, which is the state after it."""

    @property
    def is_kernel(self) -> bool:
        return self.name.startswith(NAMESPACE)


Step = Callable[[Op, Callable[..., Any], list[Any]], Any]


@dataclass(frozen=True)
class Input:
    """A size of None is the batch: whatever comes, the same for all inputs."""

    dtype: torch.dtype
    sizes: tuple[int | None, ...]


@dataclass
class Program:
    """Values are the inputs first, then the result of each operation."""

    inputs: list[Input]
    constants: list[Tensor]
    ops: list[Op]
    outputs: Tree
    """The structure of what is returned, with Ref, Constant, numbers and None at its leaves."""
    arguments: Tree
    """The structure of what is given, with the numbers of the inputs at its leaves."""
    functions: list[Callable[..., Any]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.functions = [function_of(op.name) for op in self.ops]
        for op, function in zip(self.ops, self.functions, strict=True):
            _check_settings(op, function)

    def tensors(self) -> Iterator[Tensor]:
        """All that it holds, in its loops as well."""
        yield from self.constants
        for op in self.ops:
            if op.body is not None:
                yield from op.body.tensors()

    def run(self, inputs: Sequence[Tensor], step: Step) -> list[Any]:
        """All values; `step` computes one operation from its arguments."""
        values: list[Any] = list(inputs)
        for op, function in zip(self.ops, self.functions, strict=True):
            args = [self.given(arg, values) for arg in op.args]
            values.append(step(op, function, args) if op.body is None else op.body.walk(args, step, op.layer))
        return values

    def walk(self, args: list[Any], step: Step, layer: str) -> list[Tensor]:
        """As the body of a loop."""
        steps, state = args
        if steps.shape[0] * len(self.ops) > _LONGEST:
            raise ValueError(f"a loop runs {_LONGEST} operations at most, not {steps.shape[0]} x {len(self.ops)}")
        outputs: list[Tensor] = []
        for x in steps.unbind(0):
            inputs = [x, *state]
            if mismatch := self.mismatch(inputs):
                raise ValueError(f"a loop's body was made for other steps: {mismatch}")
            values = self.run(inputs, step)
            state = [self.given(leaf, values) for leaf in self.outputs.leaves()]
            outputs.append(state[0].unsqueeze(0))
        stack = Op("aten.cat.default", (), layer=layer)
        return [step(stack, torch.ops.aten.cat.default, [outputs]), *state]

    def given(self, arg: Any, values: Sequence[Any]) -> Any:
        """An argument as the operation takes it."""
        if isinstance(arg, Ref):
            return values[arg.number]
        if isinstance(arg, Constant):
            return self.constants[arg.number]
        return [self.given(item, values) for item in arg] if isinstance(arg, (list, tuple)) else arg

    def interpret(self, inputs: Sequence[Tensor], around: Callable[[Step], Step]) -> Any:
        """What the program computes, one torch operator after the other."""
        with torch.no_grad():
            values = self.run(inputs, around(lambda op, function, args: function(*args, **op.kwargs)))
        return self.outputs.build(lambda leaf: self.given(leaf, values))

    def mismatch(self, inputs: Sequence[Tensor]) -> str:
        """Why the program does not take these inputs; empty if it does."""
        if len(inputs) != len(self.inputs):
            return f"it takes {len(self.inputs)} tensors, not {len(inputs)}"
        batch: int | None = None
        for position, (x, expected) in enumerate(zip(inputs, self.inputs, strict=True)):
            fits = x.dim() == len(expected.sizes) and x.dtype == expected.dtype and x.device.type == "cpu"
            for size, wanted in zip(x.shape, expected.sizes, strict=False):
                batch = size if wanted is None and batch is None else batch
                fits &= size == (batch if wanted is None else wanted)
            if not fits:
                shape = "(" + ", ".join("batch" if size is None else str(size) for size in expected.sizes) + ")"
                return f"input {position} must be {expected.dtype} of shape {shape}, not {x.dtype} of {tuple(x.shape)}"
        return ""


def references(arg: Any) -> Iterator[Ref]:
    """All references to values in an argument."""
    if isinstance(arg, Ref):
        yield arg
    elif isinstance(arg, (list, tuple)):
        for item in arg:
            yield from references(item)


def function_of(name: str) -> Callable[..., Any]:
    """The function that an operation calls: one of the int8 kernels, a pure operation of torch's, or of numbers."""
    namespace, _, rest = name.partition(".")
    if name in _OWN:
        return _OWN[name]
    if name == LOOP:
        return Program.walk
    if namespace == "number" and rest in _NUMBERS:
        return _NUMBERS[rest]
    packet, _, overload = rest.partition(".")
    known = namespace in (NAMESPACE, "aten") and (not packet.startswith("_") or packet in _PRIVATE)
    found = getattr(getattr(torch.ops, namespace), packet, None) if known else None
    function = getattr(found, overload, None) if isinstance(found, torch._ops.OpOverloadPacket) else None
    if not isinstance(function, torch._ops.OpOverload) or not _is_pure(function, namespace, packet):
        raise ValueError(f"a program holds int8 kernels and pure core operations of torch, not {name!r}")
    return function


def _check_settings(op: Op, function: Callable[..., Any]) -> None:
    """Torch takes any number for a type of element or a layout, and reads what lies there in its tables."""
    if not isinstance(function, torch._ops.OpOverload):
        return
    schema = function._schema.arguments
    given = {argument.name: value for argument, value in zip(schema, op.args, strict=False)} | op.kwargs
    for argument in schema:
        kind = _SETTINGS.get(str(argument.real_type).removeprefix("Optional[").removesuffix("]"))
        value = given.get(argument.name)
        if kind is not None and value is not None and not isinstance(value, kind):
            raise ValueError(f"{argument.name} of {op.name} must be a {kind.__name__}, not {value!r}")


def _is_pure(function: torch._ops.OpOverload, namespace: str, packet: str) -> bool:
    if namespace == NAMESPACE:
        return True
    core = torch.Tag.core in function.tags or packet in _MORE
    random = torch.Tag.nondeterministic_seeded in function.tags
    of_training = "backward" in packet  # no forward has them, and some write wherever an index says
    return core and not (random or of_training or function._schema.is_mutable or packet in UNSAFE)
