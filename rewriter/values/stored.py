"""What an object's attributes get whose names are texts: `setattr(self, f"block{i}", ...)`, `self.add_module(...)`."""

from __future__ import annotations

import ast

from rewriter.values.base import UNKNOWN, Call, Machine, Value
from rewriter.values.one_of import join
from rewriter.values.plain import String
from rewriter.values.tensor import TENSOR


def register(method: str, machine: Machine, call: Call, module: Value) -> None:
    """`self.register_buffer("name", ...)` and its like; `module` is one of which no more is known."""
    func, given = call.node.func, [call.arguments[argument] for argument in call.node.args]
    assert isinstance(func, ast.Attribute)
    if given and method.endswith(("_module", "_operation")):
        value = given[1] if len(given) > 1 else UNKNOWN
        store_by_name(machine, func.value, given[0], value if value.known else module)
    elif given:
        store_by_name(machine, func.value, given[0], TENSOR)


def store_by_name(machine: Machine, own: ast.expr, name: Value, value: Value) -> None:
    """One name that is put together stands for all in its form."""
    if not isinstance(name, String):
        return
    several = bool(name.pattern) or len(name.texts) > 1
    for attribute in [*name.texts, *([name.pattern] if name.pattern else ())]:
        before = machine.stored(ast.Attribute(own, attribute)) if several else None
        machine.store(attribute, value if before is None else join(before, value))
