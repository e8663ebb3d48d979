"""What is known by its full name alone: functions of torch, of Python itself and of other libraries."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from typing import ClassVar

from rewriter.python.code import RUNS_FOR_EACH, RUNS_ITS_ARGUMENT
from rewriter.python.function_tables import find_instance
from rewriter.torch_api import catalogue, tensors
from rewriter.torch_api.computing import computes, runs_what_is_not_seen
from rewriter.values.base import UNKNOWN, Call, Machine, Unknown, Value
from rewriter.values.classes import ProjectClass, SomeClass
from rewriter.values.computed import is_idle
from rewriter.values.distribution import OF_DISTRIBUTIONS, of_function
from rewriter.values.elsewhere import call_elsewhere, call_unseen, note_as_one
from rewriter.values.fixed import Fixed, all_fixed, origins_of
from rewriter.values.functions import (
    ANY_OPERATION,
    BoundMethod,
    NestedFunction,
    Partial,
    ProjectFunction,
    SomeFunction,
)
from rewriter.values.handed import RUNNING
from rewriter.values.handles import again
from rewriter.values.iterators import yielded
from rewriter.values.modules import Module, ProjectModule, as_module, module
from rewriter.values.named_tuple_class import MAKING, class_made
from rewriter.values.of_python import PASSING, RESULTS, WITHOUT_ARGUMENTS
from rewriter.values.one_of import join_all
from rewriter.values.partial_class import PartialClass
from rewriter.values.plain import NONE, NUMBER, String
from rewriter.values.sequence import Sequence
from rewriter.values.stored import store_by_name
from rewriter.values.tensor import ASSUMED, Tensor, computed, holds_tensor

_ONLY_LOOK = frozenset(
    f"builtins.{name}" for name in "callable getattr hasattr hash id isinstance print repr str type".split()
) | {"functools.partial", "functools.wraps", "functools.update_wrapper"}
"""Functions that run none of those that they are given; so do all of `inspect`. `partial` only keeps it."""


@dataclass(frozen=True, slots=True)
class TorchFunction(SomeFunction):
    """A function of torch or of `math`."""

    name: str

    @property
    def is_operation(self) -> bool:
        return catalogue.is_function(self.name)

    @property
    def has_name(self) -> bool:
        return True

    def call(self, machine: Machine, call: Call) -> Value | None:
        return call_by_name(self.name, machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        """What a module returns that calls it."""
        if not computes(self.name):
            return None
        return computed(tensors.function(self.name), machine, self.name, call, list(call.arguments.values()))


@dataclass(frozen=True, slots=True)
class MethodOfTensor(Unknown):
    """What a tensor has under a name that is a value: `getattr(loss, self.reduction)`."""

    tensor: Value

    rank: ClassVar[int] = 88

    def joined(self, other: Value) -> Value:
        return self if isinstance(other, MethodOfTensor) else UNKNOWN.joined(other)

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.note_unknown_call(call.node, [self.tensor, *call.arguments.values()])
        return machine.taken_for_tensor(call.node)


@dataclass(frozen=True, slots=True)
class Named(Unknown):
    """Something outside of the project, or a variable of it: its full name is all that is known."""

    name: str

    rank: ClassVar[int] = 89

    @property
    def has_name(self) -> bool:
        return True

    @property
    def is_fixed(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return UNKNOWN if isinstance(other, Named) or type(other) is Unknown else other.joined(self)

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return self if others <= {SomeFunction} else UNKNOWN

    def call(self, machine: Machine, call: Call) -> Value | None:
        return call_by_name(self.name, machine, call)


def call_by_name(name: str, machine: Machine, call: Call) -> Value:
    if name.endswith(".modules.nth") and call.first is not None:
        return call.first  # the method, told which of its calls it is
    if name not in RUNS_ITS_ARGUMENT | _ONLY_LOOK and not name.startswith("inspect."):
        machine.run_handed_out(call)
    if name in RUNS_FOR_EACH or name in RUNS_ITS_ARGUMENT:
        _note_handed(machine, call)
    if name.startswith("builtins."):
        return _builtin(name, machine, call)
    return _library(name, machine, call)


def _note_handed(machine: Machine, call: Call) -> None:
    """A function that is handed to another one to run: nothing can be put in its place there."""
    first = call.first
    if isinstance(first, Partial) and first.made is call.node.args[0]:
        first = first.function
    if isinstance(first, ProjectFunction):
        machine.note_handed(call.node, first.function)
    elif isinstance(first, TorchFunction) and first.is_operation:
        machine.note_handed(call.node, first.name)
    elif isinstance(first, Named) and catalogue.by_spelling(first.name):  # `operator.add`
        machine.note_unknown_call(call.node, call.arguments.values())


def _library(name: str, machine: Machine, call: Call) -> Value:
    first, values = call.first, list(call.arguments.values())
    if (kept := _kept(name, call)) is not None:
        return kept
    if name in RUNS_ITS_ARGUMENT and isinstance(first, NestedFunction | BoundMethod):
        return machine.call_value(first, call.of_first([]))
    if name in RUNS_ITS_ARGUMENT and isinstance(first, Module):
        return first.call(machine, call) or UNKNOWN
    if (made := find_instance(machine.known.hierarchy, name)) is not None:
        machine.note_at_file_level(call.node)
        return module(made).result(machine, call)
    if (found := machine.operation(name, call, None, values)) is not None:
        return found
    if (found := call_elsewhere(name, machine, call)) is not None:
        return found
    if (runs := RUNNING.get(name)) is not None and len(values) > 1:
        return runs(machine, call, values)
    if (members := yielded(name, call, values)) is not None:
        return members
    if name in tensors.TAKES_NUMBERS:
        _demand_numbers(machine, values)
    if name.startswith("math."):
        return NUMBER
    if name.startswith("torch."):
        return _of_torch(name, machine, call, values)
    return UNKNOWN if name.partition(".")[0] in sys.stdlib_module_names else call_unseen(name, machine, call)


def _of_torch(name: str, machine: Machine, call: Call, values: list[Value]) -> Value:
    """What a function of torch returns of which the catalogue has no row."""
    if name.startswith(OF_DISTRIBUTIONS):
        return of_function(machine, call)
    kind, given = tensors.function(name), any(value.may_be(Tensor) for value in values)
    if runs_what_is_not_seen(name) and not is_idle(values):
        machine.note_unknown_call(call.node, values)
    if kind == "unknown":
        return ASSUMED if given else call_unseen(name, machine, call)  # checkpoint() and its like mostly return tensors
    if computes(name) and any(map(holds_tensor, values)) and not is_idle(values):
        note_as_one(name, machine, call)
    return computed(kind, machine, name, call, values)


def _demand_numbers(machine: Machine, sizes: list[Value]) -> None:
    """`torch.ones(2 * n)`, `torch.ones([2 * n])`"""
    for value in sizes:
        for size in value.held if isinstance(value, Sequence) else (value,):
            machine.demand(size, NUMBER)


def _kept(name: str, call: Call) -> Value | None:
    """What keeps a function or a value, to be called or taken later."""
    first = call.first
    if name == "functools.partial" and first is not None:
        return join_all([_with_arguments(part, call) for part in first.parts])
    if name in MAKING:
        return class_made(call.node)
    if name == "dataclasses.field":
        given = (call.arguments[k.value] for k in call.node.keywords if k.arg == "default")
        return next(given, UNKNOWN)
    if first is not None and name.endswith(".modules.again"):
        return again(first)
    return as_module(first) if name.endswith(".modules.as_module") and first is not None else None


def _with_arguments(function: Value, call: Call) -> Value:
    """What `functools.partial` makes of it."""
    spread = any(isinstance(a, ast.Starred) for a in call.node.args)
    if isinstance(function, SomeClass) and not spread:
        return PartialClass(function, call.node, tuple(call.arguments.items()))
    if not isinstance(function, SomeFunction) or spread:
        return UNKNOWN
    if not function.members and not function.is_operation:
        return SomeFunction()
    return Partial(function, call.node, tuple(call.arguments.items()))


# Python's own functions

_TAKES_NUMBERS = frozenset({"range", "int", "float"})


def _builtin(full_name: str, machine: Machine, call: Call) -> Value:
    name = full_name.removeprefix("builtins.")
    values = list(call.arguments.values())
    if name == "getattr" and len(call.node.args) in (2, 3):
        return _attribute_by_name(machine, call)
    if name == "setattr" and len(call.node.args) == 3:
        return _set_by_name(machine, call)
    if name == "type" and len(values) == 1 and isinstance(values[0], ProjectModule):
        return ProjectClass(values[0].cls)
    for value in values if name in _TAKES_NUMBERS else ():
        machine.demand(value, NUMBER)
    if any(map(holds_tensor, values)) and (found := machine.operation(full_name, call, None, values)) is not None:
        return found
    if values and (makes := PASSING.get(name)) is not None:
        return makes(machine, call, values)
    known = RESULTS if values else WITHOUT_ARGUMENTS
    if name in known:
        return known[name]
    return Fixed(origins_of(values)) if all_fixed(values) else UNKNOWN


def _attribute_by_name(machine: Machine, call: Call) -> Value:
    """`getattr(F, "relu")`, `getattr(self, kind)`, and with a name that is known only when it runs."""
    node = call.node
    holder, name = machine.global_name(node.args[0]), node.args[1]
    if holder in ("torch", "torch.nn.functional"):
        fixed = isinstance(name, ast.Constant) and isinstance(name.value, str)
        return TorchFunction(f"{holder}.{ast.literal_eval(name)}") if fixed else ANY_OPERATION
    value = call.arguments[node.args[0]]
    named = _attributes_named(machine, value, call.arguments[name])
    computing = [each for each in named if catalogue.by_spelling(f"torch.Tensor.{each}")]
    if value.is_only(Tensor) and (computing or not named):
        return MethodOfTensor(value)
    read = (ast.copy_location(ast.Attribute(node.args[0], attribute, ast.Load()), node) for attribute in named)
    found = [machine.attribute_of(value, attribute) for attribute in read]
    return join_all([*found, *(call.arguments[default] for default in node.args[2:])]) if found else UNKNOWN


def _attributes_named(machine: Machine, holder: Value, name: Value) -> list[str]:
    """What a text may say; of one that is put together, the names in its form that objects of the class have."""
    strings = [part for part in name.parts if isinstance(part, String)]
    found = {text for string in strings for text in string.texts}
    forms = [string.pattern for string in strings if string.pattern]
    if isinstance(holder, ProjectModule) and forms:
        had = machine.known.attributes(holder.cls).keys() | _methods_of(machine, holder)
        found |= {each for each in had for form in forms if each == form or re.fullmatch(form, each)}
    return sorted(found)


def _methods_of(machine: Machine, holder: ProjectModule) -> set[str]:
    lineage = machine.known.hierarchy.lineage(holder.cls).project
    return {name for cls in lineage for name in cls.methods if not name.startswith("__")}


def _set_by_name(machine: Machine, call: Call) -> Value:
    """`setattr(self, f"block{i}", Block())`"""
    holder, name, value = call.node.args
    if machine.is_own(holder):
        store_by_name(machine, holder, call.arguments[name], call.arguments[value])
    return NONE
