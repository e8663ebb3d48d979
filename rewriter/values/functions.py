"""Functions of the project, methods, lambdas, what `functools.partial` makes of them, and one of several of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rewriter.python.attributes import operations_in
from rewriter.python.code import Class, Function, FunctionNode
from rewriter.python.function_tables import Table
from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.one_of import join_all
from rewriter.values.plain_objects import Method
from rewriter.values.target import Target
from rewriter.values.tensor import ASSUMED, Tensor


@dataclass(frozen=True, slots=True)
class SomeFunction(Value):
    """A function of which no more is known."""

    rank: ClassVar[int] = 10

    @property
    def is_operation(self) -> bool:
        """A function of torch that is an operation."""
        return False

    @property
    def members(self) -> frozenset[Member]:
        """Those of the project that it may be."""
        return frozenset()

    @property
    def may_be_stored(self) -> bool:
        """Whether a module could keep it, and compute what it computes."""
        return self.is_operation

    def joined(self, other: Value) -> Value:
        assert isinstance(other, SomeFunction)
        if self.is_operation and other.is_operation:
            return ANY_OPERATION
        members = self.members | other.members
        return Choice(members) if members else SomeFunction()

    def beside(self, others: frozenset[type[Value]]) -> Value:
        if self.is_operation:
            return ANY_OPERATION
        return Choice(self.members) if self.members else SomeFunction()


@dataclass(frozen=True, slots=True)
class AnyOperation(SomeFunction):
    """A function of torch that is an operation; which one is known only when the code runs."""

    @property
    def is_operation(self) -> bool:
        return True

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.run_handed_out(call)
        if not any(argument.may_be(Tensor) for argument in call.arguments.values()):
            return None
        machine.note_any_operation(call.node)
        return ASSUMED


@dataclass(frozen=True, slots=True)
class ProjectFunction(SomeFunction):
    function: Function

    @property
    def members(self) -> frozenset[Member]:
        return frozenset({self.function})

    @property
    def may_be_stored(self) -> bool:
        return True

    @property
    def has_name(self) -> bool:
        return True

    def call(self, machine: Machine, call: Call) -> Value | None:
        machine.note_function_call(call.node, self.function)
        return self.run(machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        return machine.run_function(Target(self.function), call)


@dataclass(frozen=True, slots=True)
class BoundMethod(SomeFunction):
    """A method of an object that is a module, or one that is given no object."""

    function: Function
    cls: Class
    own: bool
    """The object is the one whose method reads it."""
    again: bool = False

    @property
    def members(self) -> frozenset[Member]:
        return frozenset({self})

    @property
    def has_name(self) -> bool:
        return True

    @property
    def may_be_stored(self) -> bool:
        return self.function.is_static

    @property
    def target(self) -> Target:
        return Target(self.function, self.cls, self.own, again=self.again)

    def call(self, machine: Machine, call: Call) -> Value | None:
        if self.function.is_static:
            machine.note_function_call(call.node, self.function)
        return self.run(machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        return machine.run_function(self.target, call)


@dataclass(frozen=True, slots=True)
class NestedFunction(SomeFunction):
    """A lambda or a function inside the one that is run."""

    node: ast.Lambda | FunctionNode
    around: Function
    """The one whose variables it sees."""

    @property
    def members(self) -> frozenset[Member]:
        return frozenset({self})

    @property
    def may_be_stored(self) -> bool:
        return operations_in(self.node, self.around) == 1

    @property
    def has_name(self) -> bool:
        return True

    def call(self, machine: Machine, call: Call) -> Value | None:
        return machine.run_nested(self.node, self.around, call)


@dataclass(frozen=True, slots=True)
class Partial(SomeFunction):
    """`functools.partial(function, ...)`"""

    function: SomeFunction
    made: ast.Call
    given: tuple[tuple[ast.expr, Value], ...]
    """The arguments of that call, with their values."""

    @property
    def is_operation(self) -> bool:
        return self.function.is_operation

    @property
    def members(self) -> frozenset[Member]:
        return frozenset({self}) if self.function.members else frozenset()

    @property
    def may_be_stored(self) -> bool:
        return self.function.may_be_stored

    @property
    def has_name(self) -> bool:
        return self.function.has_name

    def call(self, machine: Machine, call: Call) -> Value | None:
        if self.is_operation:
            return ANY_OPERATION.call(machine, call)
        return Choice(self.members).call(machine, call) if self.members else None

    def run(self, machine: Machine, call: Call) -> Value | None:
        """The call that it stands for: a later keyword takes the place of an earlier one."""
        return self.function.run(machine, with_given(self.made, self.given, call))


def with_given(made: ast.Call, given: tuple[tuple[ast.expr, Value], ...], call: Call) -> Call:
    """A call of what `partial` has made, as one of what it was made of."""
    named = {keyword.arg for keyword in call.node.keywords}
    keywords = [k for k in made.keywords if k.arg not in named] + call.node.keywords
    whole = ast.Call(made.args[0], [*made.args[1:], *call.node.args], keywords)
    return Call(ast.copy_location(whole, call.node), dict(given) | call.arguments)


Member = Function | Method | Table | BoundMethod | NestedFunction | Partial


@dataclass(frozen=True, slots=True)
class Choice(SomeFunction):
    """One of several functions of the project, by themselves or by the tables that hold them."""

    of: frozenset[Member]

    @property
    def members(self) -> frozenset[Member]:
        return self.of

    @property
    def may_be_stored(self) -> bool:
        return any(not isinstance(m, SomeFunction) or m.may_be_stored for m in self.of if not isinstance(m, Method))

    @property
    def has_name(self) -> bool:
        return True

    @property
    def functions(self) -> list[Function]:
        """The functions that it may come to, in the order of the source."""
        found = {m.function if isinstance(m, Method) else m for m in self.functions_and_methods}
        return sorted(found, key=_place)

    @property
    def named(self) -> frozenset[Member]:
        """What code can name to say which they are: behind `partial`, the function."""
        behind = (Choice(m.function.members).named for m in self.of if isinstance(m, Partial))
        return self.of.union(*behind)

    @property
    def functions_and_methods(self) -> list[Function | Method]:
        """The same, where methods come with what is known of their objects."""
        found = self._to_be_run
        for member in self.of:
            behind = Choice(member.function.members).functions_and_methods if isinstance(member, Partial) else []
            found.update({other.function if isinstance(other, Method) else other: other for other in behind})
        return [found[function] for function in sorted(found, key=_place)]

    @property
    def _to_be_run(self) -> dict[Function, Function | Method]:
        """Those that are called with the arguments of the call, and no others."""
        found: dict[Function, Function | Method] = {method.function: method for method in reversed(self.methods)}
        for member in self.of:
            functions = member.functions if isinstance(member, Table) else [member]
            found.update({function: function for function in functions if isinstance(function, Function)})
        return found

    @property
    def methods(self) -> list[Method]:
        """The methods of objects that it may come to; one that several classes have, once for each."""
        found = [member for member in self.of if isinstance(member, Method)]
        return sorted(found, key=lambda m: (*_place(m.function), m.cls.name, m.called_on.name, m.own))

    def call(self, machine: Machine, call: Call) -> Value | None:
        unseen = [m for m in self.of if isinstance(m, NestedFunction) and m.around is not machine.function]
        if unseen and all(isinstance(m, BoundMethod) or m in unseen for m in self.of):  # they have no names here
            machine.note_unknown_call(call.node, call.arguments.values())
        else:
            machine.note_choice(call.node, self)
        return self.run(machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        results: list[Value] = []

        def run(target: Target) -> None:
            results.append(machine.run_function(target, call))

        def run_partial(function: Partial) -> None:
            results.append(function.run(machine, call) or UNKNOWN)

        bound = sorted((m for m in self.of if isinstance(m, BoundMethod)), key=lambda m: m.function.node.lineno)
        plain = [self._to_be_run[function] for function in sorted(self._to_be_run, key=_place)]
        targets = [*map(_target, plain), *(method.target for method in bound)]
        partials = [m for m in self.of if isinstance(m, Partial)]
        partials.sort(key=lambda m: (m.made.lineno, m.made.col_offset))
        ways: list[Callable[[], None]] = [partial(run, target) for target in targets]
        ways += [partial(run_partial, function) for function in partials]
        if not ways:
            return None
        machine.alternatives(*ways)
        return join_all(results)


ANY_OPERATION = AnyOperation()


def _place(function: Function) -> tuple[str, int]:
    return function.file.module, function.node.lineno


def _target(member: Function | Method) -> Target:
    if isinstance(member, Function):
        return Target(member)
    return Target(member.function, member.cls, member.own, is_plain=True)


def one_of_methods(methods: Iterable[Method]) -> Choice | None:
    found = frozenset(methods)
    return Choice(found) if found else None
