"""Lists of modules: nn.ModuleList, and what derives from it in `runtime.modules`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from rewriter.values.base import Call, Machine, Value
from rewriter.values.modules import MODULE, Module
from rewriter.values.one_of import join_all
from rewriter.values.sequence import Sequence, sequence


@dataclass(frozen=True, slots=True)
class ModuleList(Sequence):
    """Whatever is put in there is a module: torch takes nothing else."""

    def member(self) -> Value:
        found = Sequence.member(self)
        return found if found.known else MODULE

    def joined(self, other: Value) -> Value:
        return self._as_list(Sequence.joined(self, other)) if isinstance(other, ModuleList) else other.joined(self)

    def widened(self, value: Value) -> Value:
        return self._as_list(Sequence.widened(self, value))

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        """`self.norms.each((q, k))`: each module is called with the members of its turn."""
        if func.attr != "each":
            return Sequence.method(self, machine, call, func)
        module, given = self.member(), list(call.arguments.values())
        known = [value.items for value in given if isinstance(value, Sequence) and value.items is not None]
        if not isinstance(module, Module) or any(isinstance(a, ast.Starred) for a in call.node.args):
            return sequence()
        if len(known) != len(given) or not given:
            return sequence(module.result(machine, _turn(call, [value.iterated() for value in given])))
        return sequence(items=[module.result(machine, _turn(call, turn)) for turn in zip(*known, strict=False)])

    def _as_list(self, found: Value) -> Value:
        return ModuleList(found.element, found.items) if isinstance(found, Sequence) else found


def _turn(call: Call, given: Iterable[Value]) -> Call:
    """One of the calls that it comes to."""
    return Call(call.node, dict(zip(call.node.args, given, strict=True)))


def module_list(given: Iterable[Value]) -> ModuleList:
    """`nn.ModuleList(given)`; an empty one is filled later, if at all."""
    found = [value for value in given if isinstance(value, Sequence)]
    if len(found) == 1 and found[0].items:
        return ModuleList(items=found[0].items)
    held = [member for value in found for member in value.held]
    return ModuleList(join_all(held) if held else None)
