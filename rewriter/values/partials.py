"""Functions with some of their arguments filled in: `functools.partial(function, ...)`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.functions import ANY_OPERATION, Choice, Member, SomeFunction


@dataclass(frozen=True, slots=True)
class Partial(SomeFunction):
    """A call of it is one of the function behind it, with what was filled in before what the call says."""

    function: Value
    node: ast.Call
    """The call of `partial`."""
    filled: tuple[tuple[ast.expr, Value], ...]

    @property
    def members(self) -> frozenset[Member]:
        return self.function.members if isinstance(self.function, SomeFunction) else frozenset()

    @property
    def has_name(self) -> bool:
        return self.function.has_name

    def call(self, machine: Machine, call: Call) -> Value | None:
        if self.members:
            machine.note_choice(call.node, Choice(self.members))
        return self.run(machine, call)

    def run(self, machine: Machine, call: Call) -> Value | None:
        whole = self._whole(call)
        found = self.function.run(machine, whole)
        return machine.call_value(self.function, whole) if found is None else found

    def _whole(self, call: Call) -> Call:
        said = {keyword.arg for keyword in call.node.keywords}
        keywords = [keyword for keyword in self.node.keywords if keyword.arg not in said]
        arguments = [*self.node.args[1:], *call.node.args]
        node = ast.copy_location(ast.Call(call.node.func, arguments, [*keywords, *call.node.keywords]), call.node)
        return Call(node, {**dict(self.filled), **call.arguments})


def partial_of(call: Call) -> Value:
    """What `partial(...)` returns."""
    first = call.first
    if not isinstance(first, SomeFunction):
        return UNKNOWN
    if first.is_operation:
        return ANY_OPERATION
    return Partial(first, call.node, tuple(call.arguments.items()))
