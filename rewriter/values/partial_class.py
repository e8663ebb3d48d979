"""`partial(Block, act=nn.GELU)`, as values: what makes objects of a class."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.values.base import Call, Machine, Value
from rewriter.values.classes import SomeClass
from rewriter.values.functions import with_given


@dataclass(frozen=True, slots=True)
class PartialClass(SomeClass):
    cls: SomeClass
    by: ast.Call
    given: tuple[tuple[ast.expr, Value], ...]
    """The arguments of that call, with their values."""

    @property
    def has_name(self) -> bool:
        return self.cls.has_name

    def made(self, machine: Machine, call: Call) -> Value:
        return self.cls.made(machine, with_given(self.by, self.given, call))
