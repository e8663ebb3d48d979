"""What a value is, and what it may ask of the run that has met it and of the project."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from rewriter.python.code import Class, File, Function, FunctionNode
from rewriter.python.grounds import Basis
from rewriter.python.hierarchy import Hierarchy
from rewriter.python.project import Project
from rewriter.values.noting import Noting
from rewriter.values.target import Target

Arguments = dict[ast.expr, "Value"]


class Value:
    """What an expression may be, as far as the rewriter has to know. A subclass for each kind, and theirs refine it.

    An answer of None says nothing: where a value may be of several kinds, the next one is asked.
    """

    __slots__ = ()
    family: ClassVar[type[Value]]
    """The kind that the class refines."""
    rank: ClassVar[int] = 50
    """Of several kinds that an expression may have, the one with the lowest is asked first."""

    def __init_subclass__(cls) -> None:
        if Value in cls.__bases__:
            cls.family = cls

    @property
    def parts(self) -> tuple[Value, ...]:
        """Each kind that it may be; one, unless it is one of several."""
        return (self,)

    @property
    def held(self) -> tuple[Value, ...]:
        """What a container is known to hold."""
        return ()

    @property
    def assumed(self) -> bool:
        """A tensor only by convention: an argument of forward that nobody typed, or what follows from one."""
        return False

    @property
    def sources(self) -> frozenset[str]:
        """The assumed arguments that the value is computed from by arithmetic alone."""
        return frozenset()

    @property
    def is_fixed(self) -> bool:
        """Nothing that the forward was given flows into it: a size, a setting, or what is computed from these alone."""
        return False

    @property
    def origins(self) -> frozenset[str]:
        """Where tensors that nothing given flows into were made, until something is written into them."""
        return frozenset().union(*(member.origins for member in self.held))

    @property
    def as_given(self) -> Value:
        """The same, where something that the forward was given flows in after all."""
        return self

    @property
    def is_whole(self) -> bool:
        """It has no fractions: integers, booleans, and tensors and sequences of these."""
        return False

    @property
    def is_proven(self) -> bool:
        """A tensor, and not by convention only."""
        return False

    @property
    def holds_itself(self) -> bool:
        """What it holds is what it is: a tensor's members are tensors."""
        return False

    @property
    def is_some_module(self) -> bool:
        """It is, or may be, a module."""
        return False

    @property
    def is_class(self) -> bool:
        """A class itself, and no object of it."""
        return False

    @property
    def known(self) -> bool:
        return True

    @property
    def says_nothing(self) -> bool:
        """Nothing is known of what it is, not even a name."""
        return False

    @property
    def is_in_doubt(self) -> bool:
        """Whether an annotation may know better."""
        return not self.known or self.assumed or any(member.is_in_doubt for member in self.held)

    @property
    def has_name(self) -> bool:
        """Whether it is known which module, function or class is meant, and not only what class an object is of."""
        return False

    @property
    def class_names(self) -> frozenset[str]:
        """The full names of the classes, none of them a module's, that it may be an object of."""
        return frozenset()

    def may_be(self, *kinds: type[Value]) -> bool:
        return isinstance(self, kinds)

    def is_only(self, *kinds: type[Value]) -> bool:
        return isinstance(self, kinds)

    def without(self, *families: type[Value]) -> Value:
        """What is left once it is known to be of none of these kinds."""
        return UNKNOWN if self.family in families else self

    def joined(self, other: Value) -> Value:
        """Either of two different values of one kind."""
        raise TypeError(f"{self!r} and {other!r} differ, though their kind has nothing to differ in")

    def beside(self, others: frozenset[type[Value]]) -> Value:
        """What is still known of it once it may be of other kinds as well."""
        return self

    def member(self) -> Value:
        """What indexing returns."""
        return UNKNOWN

    def iterated(self) -> Value:
        """What a loop over it binds at each turn."""
        return self.member()

    def widened(self, value: Value) -> Value:
        """What it is once it holds the value as well, if it is a container."""
        return self

    def item(self, index: ast.expr) -> Value | None:
        """`value[index]`; the value itself where a part of it is all that it may be."""
        return None

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        """`value.name`"""
        return None

    def call(self, machine: Machine, call: Call) -> Value | None:
        """`value(...)`"""
        machine.run_handed_out(call)
        return None

    def run(self, machine: Machine, call: Call) -> Value | None:
        """`value(...)`, where the call stands for another one: there is no site of its own."""
        return None

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        """`value.name(...)`"""
        return None


@dataclass(frozen=True, slots=True)
class Unknown(Value):
    """Nothing is known of it."""

    rank: ClassVar[int] = 90

    @property
    def known(self) -> bool:
        return False

    @property
    def says_nothing(self) -> bool:
        return type(self) is Unknown

    def joined(self, other: Value) -> Value:
        return other.joined(self) if type(self) is Unknown and type(other) is not Unknown else UNKNOWN

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.run_handed_out(call)
        machine.note_unknown_call(call.node, call.arguments.values())
        return None

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        return machine.method_of_unknown(call, func, self)


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Call:
    """A call, with the values of its arguments in written order."""

    node: ast.Call
    arguments: Arguments

    @property
    def first(self) -> Value | None:
        """What is given first, by position."""
        return self.arguments[self.node.args[0]] if self.node.args else None

    def of_first(self, keywords: list[ast.keyword]) -> Call:
        """The call that `checkpoint(function, x)` comes to: `function(x)`."""
        called = ast.Call(self.node.args[0], self.node.args[1:], keywords)
        return Call(ast.copy_location(called, self.node), self.arguments)


class Known(Protocol):
    """What a run may ask of the project."""

    @property
    def project(self) -> Project: ...
    @property
    def hierarchy(self) -> Hierarchy: ...
    def consults(self, file: File) -> None:
        """Whatever is being found out hangs on that file."""

    def guessed(self) -> None: ...
    def watched(self, run: Callable[[], None]) -> tuple[frozenset[File] | None, Basis]: ...
    def may_be_module(self, cls: Class) -> bool: ...
    def variable(self, name: str) -> Value:
        """The value of a variable at module level, by its full name."""

    def attribute(self, cls: Class, name: str) -> Value:
        """The value of `self.<name>` as `__init__` leaves it."""

    def attributes(self, cls: Class) -> Mapping[str, Value]: ...
    def stated(self, cls: Class, name: str) -> Value: ...
    def forward_result(self, cls: Class) -> Value: ...


class Machine(Noting["Value"], Protocol):
    """What a value may ask of the run that has met it."""

    @property
    def known(self) -> Known: ...
    @property
    def function(self) -> Function:
        """The function that is being run."""

    @property
    def of_plain(self) -> bool:
        """Whether that function is a method of an object that is not a module."""

    def is_own(self, node: ast.expr) -> bool:
        """Whether the expression names the object whose method is being run."""

    def is_stored_on_own(self, node: ast.expr) -> bool:
        """Whether the expression reads an attribute of that object."""

    def is_setting(self, cls: Class, attribute: str) -> bool:
        """Whether objects of the class have in that attribute what their constructor has put there."""

    def stored(self, node: ast.Attribute) -> Value | None:
        """What this run has stored under an attribute of that object."""

    def global_name(self, node: ast.expr) -> str | None: ...
    def attribute_of(self, receiver: Value, node: ast.Attribute) -> Value: ...
    def call_value(self, callee: Value, call: Call) -> Value: ...
    def run_function(self, target: Target, call: Call) -> Value: ...
    def read_property(self, target: Target, node: ast.Attribute) -> Value: ...
    def run_nested(self, node: ast.Lambda | FunctionNode, around: Function, call: Call) -> Value: ...
    def run_handed_out(self, call: Call) -> None:
        """Runs the methods among the arguments: whoever gets one may call it at any time, or never."""

    def alternatives(self, *ways: Callable[[], object]) -> None:
        """Runs each from the same start; goes on with whatever came through."""

    def in_loop(self, run: Callable[[], Value]) -> Value: ...
    def torch_base(self, node: ast.Call) -> str | None:
        """The class of torch whose forward `super().forward(...)` runs, where no class of the project is before it."""

    def taken_for_tensor(self, node: ast.Call) -> Value:
        """What a thing of unknown make returns for a tensor, until its use shows that it is something else."""

    def demand(self, value: Value, needed: Value) -> None:
        """`value` is used as only `needed` can be: an argument that was taken for a tensor is none."""

    def made_here(self, node: ast.expr) -> frozenset[str]: ...
    def written(self, value: Value, *sources: Value) -> None: ...
    def store(self, attribute: str, value: Value) -> None: ...
    def widen(self, holder: ast.expr, value: Value) -> None:
        """`xs[i] = value` and `xs.append(value)` widen what the variable holds."""

    def operation(self, name: str, call: Call, receiver: ast.expr | None, operands: list[Value]) -> Value | None:
        """What the call returns as one of an operation of the catalogue; None where none of that name fits."""

    def foreign_operation(self, name: str, call: Call, holder: ast.expr) -> Value | None: ...
    def method_of_unknown(self, call: Call, func: ast.Attribute, receiver: Value) -> Value | None: ...
