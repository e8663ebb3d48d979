"""Classes, as values: what calling them makes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import ClassVar

from rewriter.python.code import Class
from rewriter.python.lineage import Lineage
from rewriter.torch_api import modules, whole
from rewriter.values import named_tuple
from rewriter.values.base import Call, Machine, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.distribution import OF_DISTRIBUTIONS, distribution_of
from rewriter.values.functions import Choice, SomeFunction, one_of_methods
from rewriter.values.module_list import module_list
from rewriter.values.modules import MODULE, ProjectModule, TorchModule, WrappedFunction, call_method
from rewriter.values.objects import PlainObject, objects
from rewriter.values.one_of import join_all
from rewriter.values.plain import OTHER
from rewriter.values.plain_objects import Method, has_plain_form, is_plain
from rewriter.values.run_again import RunsAgain
from rewriter.values.sequence import SHAPE
from rewriter.values.tensor import TENSOR, holds_tensor

_TENSORS = frozenset({"torch.nn.Parameter", "torch.nn.Buffer", "torch.nn.parameter.Parameter", "torch.Tensor"})


@dataclass(frozen=True, slots=True)
class SomeClass(Value):
    """A class of which no more is known."""

    rank: ClassVar[int] = 20

    @property
    def is_class(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return SomeClass()

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return SomeClass()

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.run_handed_out(call)
        return self.made(machine, call)

    def made(self, machine: Machine, call: Call) -> Value:
        """The object that a call makes."""
        return OTHER


@dataclass(frozen=True, slots=True)
class ProjectClass(SomeClass):
    cls: Class

    @property
    def has_name(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return one_of_classes(self, other)

    def call(self, machine: Machine, call: Call) -> Value | None:
        return OneOfClasses(frozenset({self})).call(machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        return OneOfClasses(frozenset({self})).run(machine, call)

    def made(self, machine: Machine, call: Call) -> Value:
        if machine.known.hierarchy.lineage(self.cls).is_module:
            return ProjectModule(self.cls)
        if names := named_tuple.fields(self.cls):
            return named_tuple.made(names, call, self.cls)
        return PlainObject(self.cls) if has_plain_form(self.cls) else objects(self.cls.name)

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return machine.known.attribute(self.cls, node.attr)

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        return call_method(self, self.cls, machine, call, func)


@dataclass(frozen=True, slots=True)
class OneOfClasses(SomeClass):
    """One of several classes of the project."""

    of: frozenset[ProjectClass]

    @property
    def has_name(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        return one_of_classes(self, other)

    def call(self, machine: Machine, call: Call) -> Value | None:
        """What is made of something given may compute while it is set up, as any method of an object does."""
        if (choice := self._setting_up(machine, call)) is not None:
            choice.call(machine, call)
        return SomeClass.call(self, machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        if (choice := self._setting_up(machine, call)) is not None:
            choice.run(machine, call)
        return self.made(machine, call)

    def _setting_up(self, machine: Machine, call: Call) -> Choice | None:
        known = machine.known
        if not any(holds_tensor(value) and not value.is_fixed for value in call.arguments.values()):
            return None
        plain = [m.cls for m in self.of if is_plain(known, m.cls) and _is_made_by_init(known.hierarchy.lineage(m.cls))]
        inits = ((known.hierarchy.lineage(cls).constructor, cls) for cls in plain)
        return one_of_methods(Method(init, cls, cls) for init, cls in inits if init is not None)

    def made(self, machine: Machine, call: Call) -> Value:
        members = sorted(self.of, key=lambda member: member.cls.name)
        return join_all([member.made(machine, call) for member in members])


def _is_made_by_init(lineage: Lineage) -> bool:
    """Whether nothing but `__init__` is given what a call of the class is given."""
    by_others = any("__new__" in cls.methods or cls.node.keywords for cls in lineage.project)
    return not by_others and not lineage.unseen


def one_of_classes(a: Value, b: Value) -> SomeClass:
    both = [a.of if isinstance(a, OneOfClasses) else {a}, b.of if isinstance(b, OneOfClasses) else {b}]
    members = [member for found in both for member in found if isinstance(member, ProjectClass)]
    return OneOfClasses(frozenset(members)) if len(members) == sum(map(len, both)) else SomeClass()


@dataclass(frozen=True, slots=True)
class TorchClass(SomeClass):
    """A class of torch, or of `runtime.modules`."""

    name: str

    @property
    def has_name(self) -> bool:
        return True

    def made(self, machine: Machine, call: Call) -> Value:
        name = self.name
        if name in _TENSORS or (name.startswith("torch.") and name.endswith("Tensor")):
            return TENSOR
        if name == "torch.Size":
            return SHAPE
        if name in ("torch.nn.ModuleList", "torch.nn.ModuleDict") or name.endswith(".modules.ModuleList"):
            values = call.arguments.values()
            if name.endswith("List"):
                return module_list(values)
            return Dictionary(join_all([value.member() for value in values]) if values else MODULE)
        if name.endswith(".modules.Function") and call.arguments:
            function = next(iter(call.arguments.values()))
            return WrappedFunction(function) if isinstance(function, SomeFunction) else MODULE
        if name.endswith(".modules.RunAgain"):
            return RunsAgain()
        if name.startswith(OF_DISTRIBUTIONS):
            return distribution_of(call.arguments.values())
        return _module_of(name, machine, call) if modules.is_module_class(name) else OTHER


def _module_of(name: str, machine: Machine, call: Call) -> TorchModule:
    if not name.startswith("runtime."):
        return TorchModule(name)
    types = [keyword.value for keyword in call.node.keywords if keyword.arg == "dtype"]
    gives_whole = any(whole.is_type(machine.global_name(node)) for node in types)
    return TorchModule(name, frozenset(k.arg for k in call.node.keywords if k.arg is not None), gives_whole)
