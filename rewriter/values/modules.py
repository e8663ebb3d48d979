"""Modules: of torch, of the project, and those that `runtime.modules` makes of functions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import ClassVar

from rewriter.python.code import Class, Function
from rewriter.python.given_methods import functions_given
from rewriter.python.hierarchy import REGISTERING
from rewriter.torch_api import modules
from rewriter.torch_api.reserved import RETURNING_ITSELF, SEQUENTIAL_ATTRIBUTES
from rewriter.values.base import UNKNOWN, Call, Machine, Unknown, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.fixed import Fixed
from rewriter.values.functions import BoundMethod, NestedFunction, ProjectFunction, SomeFunction, one_of_methods
from rewriter.values.one_of import join, join_all
from rewriter.values.parts import is_said_where_stored, note_method_of_part
from rewriter.values.plain import NONE, NUMBER, STRING, Nothing
from rewriter.values.plain_objects import methods_below, methods_meant
from rewriter.values.sequence import children
from rewriter.values.setting import as_setting
from rewriter.values.stored import register
from rewriter.values.target import Target
from rewriter.values.tensor import TENSOR, of_operation, of_unknown

_BARE = frozenset({"torch.nn.Sequential", "torch.nn.Module"})
"""What an object of the class itself has besides torch's own methods are its children: `self.features.norm0(x)`."""


@dataclass(frozen=True, slots=True)
class Module(Value):
    """A module of which no more is known."""

    rank: ClassVar[int] = 25

    read_from: frozenset[str] = field(default=frozenset(), kw_only=True)
    """The attributes that it was read from, as calls of what they hold are counted: `f = self.act`."""

    @property
    def made(self) -> Class | Function | str | None:
        """The class that made it, by its full name if it is none of the project's; or the function that it wraps."""
        return None

    @property
    def is_some_module(self) -> bool:
        return True

    @property
    def has_name(self) -> bool:
        return self.made is not None

    def joined(self, other: Value) -> Value:
        return other.joined(self) if isinstance(other, WrappedFunction) else _read_from_any(MODULE, self, other)

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return MODULE

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.run_handed_out(call)
        machine.note_module_otherwise(call.node, self, call.arguments.values())
        return self.result(machine, call)

    def result(self, machine: Machine, call: Call) -> Value:
        return machine.taken_for_tensor(call.node)

    def iterated(self) -> Value:
        return join(MODULE, STRING)  # what can be run over holds modules, some by their names

    def item(self, index: ast.expr) -> Value | None:
        return MODULE if type(self) is Module else None

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return Dictionary(MODULE) if node.attr == "_modules" else None

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        if func.attr in RETURNING_ITSELF:
            return self
        if func.attr in _ITS_CHILDREN:
            return children(func.attr, MODULE)
        machine.note_unknown_call(call.node, call.arguments.values())
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class ProjectModule(Module):
    cls: Class

    @property
    def made(self) -> Class:
        return self.cls

    def iterated(self) -> Value:
        return MODULE  # only containers can be run over

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        """Reading a property runs it; reading another method returns the method."""
        method = machine.known.hierarchy.lineage(self.cls).method(node.attr)
        own = machine.is_stored_on_own(node)
        if method is not None and method.is_property:
            return machine.read_property(Target(method, self.cls, own), node)
        if (stored := machine.stored(node)) is not None:
            return stored
        if machine.known.hierarchy.holds_children(self.cls, node.attr):
            return Dictionary(MODULE)
        if method is None:
            value, is_setting = machine.known.attribute(self.cls, node.attr), machine.is_setting(self.cls, node.attr)
            if value.is_only(Nothing) and not is_setting:
                return UNKNOWN if machine.of_plain else join(value, UNKNOWN)  # others fill it
            return as_setting(value) if is_setting else value.as_given
        if own and machine.of_plain:
            return one_of_methods(methods_below(machine.known, self.cls, node.attr, own=True)) or UNKNOWN
        return BoundMethod(method, self.cls, own)

    def result(self, machine: Machine, call: Call) -> Value:
        return machine.known.forward_result(self.cls)

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        return call_method(self, self.cls, machine, call, func)


@dataclass(frozen=True, slots=True)
class TorchModule(Module):
    """A module of a class of torch, or of `runtime.modules`."""

    name: str
    fixed: frozenset[str] = frozenset()
    """The names of the arguments that its constructor was given."""
    gives_whole: bool = False
    """One of them says that it computes integers or booleans."""

    @property
    def made(self) -> str:
        return self.name

    def iterated(self) -> Value:
        return _MEMBERS.get(self.name, UNKNOWN)

    def item(self, index: ast.expr) -> Value | None:
        member = _MEMBERS.get(self.name)
        return self if member is not None and isinstance(index, ast.Slice) else member

    def joined(self, other: Value) -> Value:
        is_alike = isinstance(other, TorchModule) and other.name == self.name
        return _read_from_any(TorchModule(self.name), self, other) if is_alike else Module.joined(self, other)

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        held = Dictionary(MODULE) if node.attr == "_modules" else UNKNOWN
        return TENSOR if node.attr in ("weight", "bias") else held

    def result(self, machine: Machine, call: Call) -> Value:
        if self.name.endswith((".modules.Call", ".modules.CallAgain")) and call.node.args:
            return _passed_on(machine, call)
        given = self.fixed | {keyword.arg for keyword in call.node.keywords if keyword.arg is not None}
        if (kind := modules.result(self.name, given)) == "unknown":
            return machine.taken_for_tensor(call.node)
        for keyword in call.node.keywords:  # as its function demands of what is no operand
            if modules.takes_number(self.name, keyword.arg):
                machine.demand(call.arguments[keyword.value], NUMBER)
        is_operation = self.name in modules.PARAMETER_FREE or self.name.startswith("runtime.")
        operands = list(call.arguments.values()) if is_operation else []
        return of_operation(self.name, kind, operands, self.gives_whole)

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        """`self.skip_add.add(x, y)`: a method of another library's module may be an operation."""
        found = machine.foreign_operation(f"{self.name}.{func.attr}", call, func.value)
        if found is None and self.name in _BARE and func.attr not in SEQUENTIAL_ATTRIBUTES:
            machine.note_part_call(call.node, MODULE)
            return MODULE.result(machine, call)
        return Module.method(self, machine, call, func) if found is None else found


@dataclass(frozen=True, slots=True)
class WrappedFunction(Module):
    """`runtime.modules.Function(function)`, and what `as_module` makes of a function."""

    function: SomeFunction
    other: Module | None = None
    """What it may be instead."""

    @property
    def made(self) -> Function | None:
        return self.function.function if isinstance(self.function, ProjectFunction) and self.other is None else None

    def joined(self, other: Value) -> Value:
        """Both functions are still run by a call."""
        others = [part for part in (self.other, other) if isinstance(part, Module)]
        function: Value = self.function
        if isinstance(other, WrappedFunction):
            function = join(self.function, other.function)
            others = [part for part in (self.other, other.other) if part is not None]
        alternative = join_all(others) if others else None
        assert isinstance(function, SomeFunction) and (alternative is None or isinstance(alternative, Module))
        return WrappedFunction(function, alternative)

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return self

    def result(self, machine: Machine, call: Call) -> Value:
        found = self.function.run(machine, call)
        results = [self.other.result(machine, call)] if self.other is not None else []
        return of_unknown(machine, call) if found is None else join_all([found, *results])


def _read_from_any(joined: Module, one: Module, other: Value) -> Module:
    read_from = one.read_from | other.read_from if isinstance(other, Module) else one.read_from
    return replace(joined, read_from=read_from) if read_from else joined


MODULE = Module()
_MEMBERS: dict[str, Value] = {"torch.nn.Sequential": MODULE, "torch.nn.ParameterList": TENSOR}
Made = Class | Function | str | None  # what made a module, as far as it is known


def module(made: Made) -> Module:
    if isinstance(made, Class):
        return ProjectModule(made)
    if isinstance(made, Function):
        return WrappedFunction(ProjectFunction(made))
    return MODULE if made is None else TorchModule(made)


def as_module(value: Value) -> Value:
    """`runtime.modules.as_module(value)`"""
    return join_all([WrappedFunction(part) if isinstance(part, SomeFunction) else part for part in value.parts])


def _passed_on(machine: Machine, call: Call) -> Value:
    """`self.call(function, x)`, which is `function(x)` and has been rewritten already."""
    rest = call.of_first(call.node.keywords)
    if (base := machine.torch_base(rest.node)) is not None:
        return TorchModule(base).result(machine, rest)
    if isinstance(call.first, Unknown) and not isinstance(call.first, Fixed):
        return UNKNOWN  # no more than the call itself would say
    if isinstance(call.first, NestedFunction):
        return call.first.call(machine, rest) or UNKNOWN
    if call.first is not None and call.first.may_be(Module):
        return _returned(call.first, machine, rest)
    found = call.first.run(machine, rest) if call.first is not None else None
    return of_unknown(machine, call) if found is None else found


_ITS_CHILDREN = frozenset({"children", "named_children", "modules", "named_modules"})
_ITS_STEPS = frozenset({"steps", "named_steps"})  # of `WithOperations`; any other class may call something else so


def call_method(receiver: Value, cls: Class, machine: Machine, call: Call, func: ast.Attribute) -> Value:
    own, known = machine.is_own(func.value), machine.known
    method = known.hierarchy.lineage(cls).method(func.attr) or functions_given(known.project, cls).get(func.attr)
    if method is not None and not method.is_property:
        return _call_found(receiver, cls, method, machine, call, own)
    if own and func.attr in REGISTERING:
        register(func.attr, machine, call, MODULE)
        return NONE
    if func.attr in _ITS_CHILDREN or (func.attr in _ITS_STEPS and known.hierarchy.lineage(cls).holds_operations):
        return children(func.attr, MODULE)
    return _call_attribute(receiver, cls, machine, call, func)


def _call_found(receiver: Value, cls: Class, method: Function, machine: Machine, call: Call, own: bool) -> Value:
    known, name = machine.known, method.node.name
    if method.is_static:
        machine.note_function_call(call.node, method)
    elif own and machine.of_plain:
        choice = one_of_methods(methods_below(known, cls, name, own))
        return choice.call(machine, call) or UNKNOWN if choice is not None else UNKNOWN
    elif method.owner is None or not (receiver.is_class or own):
        note_method_of_part(cls, method, machine, call)
    return machine.run_function(Target(method, cls, own), call)


def _call_attribute(receiver: Value, cls: Class, machine: Machine, call: Call, func: ast.Attribute) -> Value:
    """`self.act(x)`, where `act` is not a method."""
    known, own = machine.known, machine.is_own(func.value)
    value = machine.attribute_of(receiver, func)
    kept = next((part for part in value.parts if isinstance(part, SomeFunction) and part.may_be_stored), None)
    if own and kept is not None:
        machine.note_kept_function(call.node, func.attr, as_module(value), kept)
        return _returned(as_module(value), machine, call)
    if (choice := one_of_methods(methods_meant(known, value.class_names, "__call__"))) is not None:
        return choice.call(machine, call) or UNKNOWN
    if value.is_class:
        return machine.call_value(value, call)
    if own:
        machine.note_module_call(call.node, func.attr, value)
    else:
        machine.note_part_call(call.node, value)
    if value.may_be(SomeFunction) and not isinstance(value, NestedFunction) and not is_said_where_stored(value):
        return machine.call_value(value, call)
    return _returned(value, machine, call)


def _returned(value: Value, machine: Machine, call: Call) -> Value:
    """What a module, or something unknown, returns."""
    if (module := next((part for part in value.parts if isinstance(part, Module)), None)) is not None:
        return module.result(machine, call)
    if not is_said_where_stored(value):
        machine.note_unknown_call(call.node, call.arguments.values())
    return of_unknown(machine, call)
