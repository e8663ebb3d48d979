"""What `runtime.modules.again` returns: a module that stands for another one."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.values.base import Call, Machine, Value
from rewriter.values.modules import Module
from rewriter.values.tensor import of_unknown


@dataclass(frozen=True, slots=True)
class UnknownModule(Module):
    """Stands for something of which nothing is known."""

    def joined(self, other: Value) -> Value:
        return self if isinstance(other, UnknownModule) else Module.joined(self, other)

    def result(self, machine: Machine, call: Call) -> Value:
        return of_unknown(machine, call)


def again(value: Value) -> Value:
    """`runtime.modules.again(value)`"""
    return value if value.known else UnknownModule()
