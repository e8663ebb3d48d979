"""What a module that nobody can see returns, where that is no tensor: it holds tensors, as far as anybody knows."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import ClassVar

from rewriter.values.base import UNKNOWN, Machine, Unknown, Value
from rewriter.values.tensor import ASSUMED


@dataclass(frozen=True, slots=True)
class Output(Unknown):
    """`outputs = self.bert(x)`, of which `outputs.last_hidden_state` and `outputs[1]` are taken for tensors."""

    rank: ClassVar[int] = 89

    def joined(self, other: Value) -> Value:
        return self if isinstance(other, Output) else UNKNOWN

    def member(self) -> Value:
        return ASSUMED

    def item(self, index: ast.expr) -> Value | None:
        return self if isinstance(index, ast.Slice) else ASSUMED

    def attribute(self, machine: Machine, node: ast.Attribute) -> Value | None:
        return UNKNOWN if node.attr.startswith("_") else ASSUMED


OUTPUT = Output()
