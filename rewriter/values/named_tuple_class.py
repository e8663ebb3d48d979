"""`Output = namedtuple("Output", "loss logits")`, as values: a class of tuples that a call has made."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.values import named_tuple
from rewriter.values.base import Call, Machine, Value
from rewriter.values.classes import SomeClass

MAKING = frozenset({"collections.namedtuple", "typing.NamedTuple"})


@dataclass(frozen=True, slots=True)
class NamedTupleClass(SomeClass):
    names: tuple[str, ...]

    @property
    def has_name(self) -> bool:
        return True

    def made(self, machine: Machine, call: Call) -> Value:
        return named_tuple.made(self.names, call)


def class_made(call: ast.Call) -> NamedTupleClass | None:
    """The class, where the call itself says the names of the members."""
    said = call.args[1] if len(call.args) > 1 else None
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        return NamedTupleClass(tuple(said.value.replace(",", " ").split()))
    if not isinstance(said, ast.List | ast.Tuple):
        return None
    members = [e.elts[0] if isinstance(e, ast.Tuple | ast.List) and e.elts else e for e in said.elts]
    names = [e.value for e in members if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    return NamedTupleClass(tuple(names)) if len(names) == len(members) else None
