"""Tensors, those that are only taken for one among them, and what torch computes from them."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Values
from dataclasses import dataclass, replace
from typing import ClassVar

from rewriter.torch_api import modules, tensors, whole
from rewriter.torch_api.catalogue import ROWS
from rewriter.torch_api.computing import computes
from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.computed import Place, has_no_fractions, is_idle, nature_of
from rewriter.values.dictionary import Dictionary
from rewriter.values.fixed import Fixed, all_fixed, origins_of
from rewriter.values.one_of import join_all
from rewriter.values.plain import FACT, NUMBER, OTHER, STRING, WHOLE, Fact, Number, String
from rewriter.values.sequence import SEQUENCE, SHAPE, Sequence, sequence

OF_MEMBER = "[]"
_OF_MAPPINGS = frozenset({"get", "items", "keys"})
"""Methods that tell that an argument is a dict: its values are taken for tensors, as is what `batch["x"]` returns."""
_DRAWING = frozenset(name for row in ROWS for name in row.targets if row.spellings and whole.draws(row.function.name))
"""Modules that draw random numbers."""


@dataclass(frozen=True, slots=True)
class Tensor(Value):
    """A tensor, or what is taken for one until its use shows that it is something else."""

    rank: ClassVar[int] = 40

    assumed: bool = False
    sources: frozenset[str] = frozenset()
    is_whole: bool = False
    origins: frozenset[str] = frozenset()

    @property
    def is_fixed(self) -> bool:
        return bool(self.origins)

    @property
    def as_given(self) -> Value:
        return replace(self, origins=frozenset())

    @property
    def is_proven(self) -> bool:
        return not self.assumed

    @property
    def holds_itself(self) -> bool:
        return True

    def joined(self, other: Value) -> Value:
        assert isinstance(other, Tensor)
        origins = self.origins | other.origins if self.origins and other.origins else frozenset[str]()
        both = self.assumed and other.assumed
        return Tensor(both, self.sources | other.sources, self.is_whole and other.is_whole, origins)

    def member(self) -> Value:
        """What is not a tensor after all may be a tuple: a demand on its members says of what."""
        return replace(self, sources=frozenset(f"{source}{OF_MEMBER}" for source in self.sources))

    def item(self, index: ast.expr) -> Value | None:
        """A part of a tuple is a tuple: whatever an assumed tensor turns out to be, so is a slice of it."""
        return self if isinstance(index, ast.Slice) else self.member()

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        kind = tensors.attribute(node.attr)
        if node.attr == "dtype" and self.is_whole:
            return Fact(is_whole=True)
        if kind == "unknown":  # an argument taken for a tensor that has what no tensor has
            machine.demand(self, _needed_for(node.attr))
        return replace(self, sources=frozenset()) if kind == "tensor" else catalogued(kind)

    def call(self, machine: Machine, call: Call) -> Value | None:
        """What was taken for a tensor, and is called, is none; what it has come from may have held tensors as well.

        What an attribute of a tensor is, as in `f = x.sigmoid`, is a method of it where it is called.
        """
        if self.sources:
            return UNKNOWN.call(machine, call)
        machine.run_handed_out(call)
        machine.note_unknown_call(call.node, [self, *call.arguments.values()])
        return machine.taken_for_tensor(call.node)

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        name = func.attr
        if tensors.takes_numbers(name):
            for argument in call.arguments.values():
                machine.demand(argument, NUMBER)
        operands = [self, *call.arguments.values()]
        if (found := machine.operation(f"torch.Tensor.{name}", call, func.value, operands)) is not None:
            return found
        kind = tensors.method(name, len(call.node.args))
        if name == "as_subclass" and [machine.global_name(node) for node in call.node.args] != ["torch.Tensor"]:
            return UNKNOWN  # a class of somebody's own may compute otherwise
        if kind == "unknown":
            machine.demand(self, _needed_for(name))
        elif computes(f"torch.Tensor.{name}") and not is_idle(operands):
            machine.note_outside_call(call.node, f"torch.Tensor.{name}")
        return computed(kind, machine, f"torch.Tensor.{name}", call, operands, self.assumed)


TENSOR = Tensor()
ASSUMED = Tensor(assumed=True)
MAPPING = Dictionary(ASSUMED)
"""A dict of what is taken for tensors."""
TENSORS = Sequence(TENSOR)


def _needed_for(attribute: str) -> Value:
    """What has such an attribute or method, which no tensor has."""
    return MAPPING if attribute in _OF_MAPPINGS else UNKNOWN


_RESULTS: dict[str, Value] = {
    "tensor": TENSOR, "tensors": TENSORS, "number": NUMBER, "shape": SHAPE, "string": STRING,
    "sequence": SEQUENCE, "other": OTHER, "fact": FACT, "whole": WHOLE,
}  # fmt: skip


def catalogued(kind: str, assumed: bool = False) -> Value:
    """A result as the catalogue names it; what is computed from an assumed tensor is assumed as well."""
    return ASSUMED if assumed and kind == "tensor" else _RESULTS.get(kind, UNKNOWN)


def computed(kind: str, place: Place, name: str, call: Call, operands: Values[Value], assumed: bool = False) -> Value:
    """What the function or method of that full name returns for the operands, its receiver's among them."""
    if kind not in ("tensor", "tensors"):
        return catalogued(kind)
    nature = nature_of(place, name, call, operands)
    found = Tensor(assumed and kind == "tensor", frozenset(), nature.is_whole, nature.origins)
    return found if kind == "tensor" else sequence(found)


def of_operation(name: str, kind: str, operands: list[Value], is_whole: bool = False) -> Value:
    """What a module of one operation returns for these; one with parameters is said to have none."""
    if (unknown := _of_nothing_known(name, operands)) is not None:
        return unknown
    if kind != "tensor":
        return catalogued(kind, only_assumed(operands))
    if operands and operands[0].is_only(Number) and (symbols := modules.operators(name)):
        if all(o.is_only(Number) for o in operands):
            return WHOLE if symbols.isdisjoint({"/", "**"}) and all(map(has_no_fractions, operands)) else NUMBER
        if not any(o.may_be(Tensor) for o in operands):
            return UNKNOWN  # as of the operator: no function of torch takes a number there
    fixed = bool(operands) and all_fixed(operands) and name not in _DRAWING
    return Tensor(only_assumed(operands), is_whole=is_whole, origins=origins_of(operands) if fixed else frozenset())


def _of_nothing_known(name: str, operands: list[Value]) -> Value | None:
    """What it returns where no more is known of that than where the operator or the method stands in its place."""
    joined = next((o for o in operands if o.is_only(Sequence) or o.is_only(String)), None)
    if joined is not None and modules.operators(name):
        return joined  # a list with more members, or another text
    if not is_of_unknown(name, operands):
        return None
    return Fixed(origins_of(operands)) if all_fixed(operands) else UNKNOWN


def is_of_unknown(module: str, operands: list[Value]) -> bool:
    """Whether a call of a module of that name for these says nothing of what it returns."""
    unknown = not all(o.known for o in operands) and not any(map(holds_tensor, operands))
    return unknown and modules.tells_no_more(module)


def taken_for_tensor(source: str) -> Tensor:
    """What is taken for a tensor under a name by which its use can speak against it."""
    return Tensor(assumed=True, sources=frozenset({source}))


def without_sources(value: Value) -> Value:
    """What another function returned: who called it has arguments of its own under the names of its arguments."""
    return join_all(map(_part_without_sources, value.parts))


def _part_without_sources(part: Value) -> Value:
    if isinstance(part, Tensor):
        return replace(part, sources=frozenset()) if part.sources else part
    if not isinstance(part, Sequence):
        return part
    items = None if part.items is None else tuple(map(without_sources, part.items))
    return replace(part, items=items, element=None if part.element is None else without_sources(part.element))


def holds_tensor(value: Value) -> bool:
    return value.may_be(Tensor) or (value.may_be(Sequence) and value.member().may_be(Tensor))


def only_assumed(operands: list[Value]) -> bool:
    """Some operand is, or holds, what was taken for a tensor, and none is known to be one."""
    held = [operand.member() if operand.may_be(Sequence) else operand for operand in operands]
    found = [value for value in held if value.may_be(Tensor)]
    return bool(found) and all(value.assumed for value in found)


def of_unknown(machine: Machine, call: Call) -> Value:
    """What a call of something unknown returns."""
    given = any(argument.may_be(Tensor) for argument in call.arguments.values())
    return machine.taken_for_tensor(call.node) if given else UNKNOWN
