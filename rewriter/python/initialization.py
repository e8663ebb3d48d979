"""Which `__init__` runs which: of an object's class and of its bases."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import Hierarchy, is_init_call
from rewriter.python.lineage import is_torch_module


def every_way(statement: ast.stmt, calls: Callable[[ast.Call], bool]) -> bool:
    """Whether every way through the statement that goes on behind it has come to such a call of an `__init__`."""
    if isinstance(statement, ast.Try):
        ways = [[*statement.body, *statement.orelse], *(handler.body for handler in statement.handlers)]
    elif isinstance(statement, ast.If):
        ways = [statement.body, statement.orelse]
    elif isinstance(statement, ast.With):
        ways = [statement.body]
    else:
        call = statement.value if isinstance(statement, ast.Expr) else None
        return isinstance(call, ast.Call) and is_init_call(call) and calls(call)
    return all(any(isinstance(s, ast.Raise) or every_way(s, calls) for s in way) for way in ways)


def runs_init_of(hierarchy: Hierarchy, below: Class, cls: Class) -> bool:
    """Whether making an object of `below` runs the `__init__` that its base `cls` has or is to get."""
    return _Chain(hierarchy, hierarchy.lookup_order(below), cls).comes_through(0)


@dataclass(frozen=True)
class _Chain:
    """The classes of one object in the order in which attributes are looked up, and one of them that is wanted."""

    hierarchy: Hierarchy
    order: tuple[Class | str, ...]
    wanted: Class

    def comes_through(self, start: int) -> bool:
        """Whether the first `__init__` from there on is the wanted one, or runs it."""
        for index, cls in enumerate(self.order[start:], start):
            if cls is self.wanted:
                return True
            if isinstance(cls, str):
                if is_torch_module(cls):
                    return False  # nn.Module's own __init__ runs no other
                continue
            if (init := cls.constructor) is not None:
                leads_on = partial(self._leads_on, init, index)
                return any(every_way(statement, leads_on) for statement in init.node.body)
            if cls.is_dataclass:
                return False
        return False

    def _leads_on(self, init: Function, index: int, call: ast.Call) -> bool:
        assert isinstance(call.func, ast.Attribute)
        target = call.func.value
        if isinstance(target, ast.Call):
            base = self._named_in_super(target, init, index)
            return base is not None and base >= index and self.comes_through(base + 1)
        name = init.full_name(target, init.locals)
        found = self.hierarchy.project.find(name) if name else None
        if not isinstance(found, Class) or found not in self.order:
            return False
        return self.order.index(found) > index and self.comes_through(self.order.index(found))

    def _named_in_super(self, call: ast.Call, init: Function, index: int) -> int | None:
        """The position of the class behind which `super(...)` looks."""
        if not (isinstance(call.func, ast.Name) and call.func.id == "super"):
            return None
        if not call.args:
            return index
        here = self.order[index]
        if ast.unparse(call.args[0]) in ("__class__", here.node.name if isinstance(here, Class) else ""):
            return index
        name = init.full_name(call.args[0], init.locals)
        found = self.hierarchy.project.find(name) if name else None
        return self.order.index(found) if isinstance(found, Class) and found in self.order else None
