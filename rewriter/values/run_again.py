"""`runtime.modules.RunAgain(self, "mix")`, which returns the method that it is given, to run on modules of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.functions import BoundMethod
from rewriter.values.modules import MODULE, Module


@dataclass(frozen=True, slots=True)
class RunsAgain(Module):
    def joined(self, other: Value) -> Value:
        return MODULE

    def call(self, machine: Machine, call: Call) -> Value | None:
        return self.result(machine, call)

    def result(self, machine: Machine, call: Call) -> Value:
        method = call.first
        return replace(method, again=True) if isinstance(method, BoundMethod) else method or UNKNOWN
