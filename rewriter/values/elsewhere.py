"""What functions of other libraries return for tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rewriter.python.ready_names import is_at_hand
from rewriter.torch_api import elsewhere
from rewriter.values.base import Call, Machine, Value
from rewriter.values.computed import is_idle
from rewriter.values.fixed import all_fixed, called_out_of_sight, note_written
from rewriter.values.functions import SomeFunction
from rewriter.values.modules import TorchModule
from rewriter.values.one_of import join_all
from rewriter.values.plain import WHOLE
from rewriter.values.sequence import SEQUENCE, SHAPE, Sequence, sequence
from rewriter.values.tensor import ASSUMED, Tensor, holds_tensor


def call_elsewhere(name: str, machine: Machine, call: Call) -> Value | None:
    """What the function of that full name returns; None where it is none of those that are known."""
    values = list(call.arguments.values())
    if name in elsewhere.COMPUTING:
        if not is_idle(values):
            note_as_one(name, machine, call)
    elif name in elsewhere.MODULES_THAT_MOVE | elsewhere.MODULES_THAT_COMPUTE:
        return TorchModule(name)
    elif name in elsewhere.READING_SIZES:
        return SHAPE if name.endswith(".shape") else WHOLE
    elif name not in elsewhere.MOVING:
        return None
    found = join_all(map(_as_tensor, values[:1])) if values else ASSUMED
    kind = elsewhere.result(name)
    if kind == "packed":
        return sequence(items=[found, SEQUENCE])
    return found if kind == "tensor" else sequence(found)


def call_unseen(name: str, machine: Machine, call: Call) -> Value:
    """What a function of a library that nobody can see returns: for tensors, a tensor, until its use says otherwise."""
    values = list(call.arguments.values())
    if is_idle(values) or not any(holds_tensor(value) and not value.is_fixed for value in values):
        return called_out_of_sight(machine, call)
    found = machine.taken_for_tensor(call.node)
    if not found.may_be(Tensor) or not _is_function_of_library(name, machine):
        return called_out_of_sight(machine, call)
    note_written(machine, values)
    note_as_one(name, machine, call)
    return found


@dataclass(frozen=True, slots=True)
class DefinedInBranches(SomeFunction):
    """A function of the project that the file's own branches define, or import, in one of several ways."""

    name: str

    def call(self, machine: Machine, call: Call) -> Value | None:
        values = list(call.arguments.values())
        if is_idle(values) or not any(holds_tensor(value) and not value.is_fixed for value in values):
            return called_out_of_sight(machine, call)
        note_written(machine, values)
        machine.note_outside_call(call.node, self.name)
        return machine.taken_for_tensor(call.node)


@dataclass(frozen=True, slots=True)
class Differentiated(SomeFunction):
    """The `apply` of a torch.autograd.Function, whose forward runs apart from the gradient that it has."""

    name: str

    @property
    def has_name(self) -> bool:
        return True

    @property
    def may_be_stored(self) -> bool:
        return True

    def call(self, machine: Machine, call: Call) -> Value | None:
        values = list(call.arguments.values())
        if all_fixed(values):
            return called_out_of_sight(machine, call)
        note_written(machine, values)
        machine.note_differentiated(call.node, self.name)
        return ASSUMED

    def run(self, machine: Machine, call: Call) -> Value | None:
        note_written(machine, list(call.arguments.values()))
        return ASSUMED


def _is_function_of_library(name: str, machine: Machine) -> bool:
    """As far as the name tells, whose first letter is that of a function's."""
    library, _, _ = name.partition(".")
    is_function = not name.rpartition(".")[2][:1].isupper()
    of_tensors = library != "torch" and library not in elsewhere.OF_THEIR_OWN
    return is_function and of_tensors and machine.known.project.module(library) is None


def note_as_one(name: str, machine: Machine, call: Call) -> None:
    """The function becomes a module where `__init__` can name it, and is called by one elsewhere.

    A method that is named in full is called as it is: the module of one asks the object for it.
    """
    func, is_method = call.node.func, name.startswith("torch.Tensor.")
    if not is_method and machine.global_name(func) == name and is_at_hand(machine.function, func):
        machine.note_outside_call(call.node, name)
    else:
        machine.note_any_operation(call.node)


def _as_tensor(value: Value) -> Value:
    """One tensor like the given one; where several are given they are stacked."""
    whole = value.member() if value.is_only(Sequence) else value
    tensors = [replace(part, sources=frozenset()) for part in whole.parts if isinstance(part, Tensor)]
    return join_all(tensors) if tensors else ASSUMED
