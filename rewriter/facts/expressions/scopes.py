"""What the names in a function stand for, as far as an expression for `__init__` can say it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import named_parameters, returns_in, walk
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.modules import ProjectModule

_DEEPEST = 4


@dataclass(frozen=True)
class Scope:
    """A function that runs on an object, and what one call has given it."""

    knowledge: Knowledge
    function: Function
    own_name: str | None
    """What it calls its object."""
    cls: Class | None
    """The class of its object."""
    own: ast.expr | None
    """Its object, as `__init__` names it."""
    values: Mapping[ast.expr, Value]
    bound: frozenset[str] = frozenset()
    """Variables of loops that the expression stands in as well."""
    given: Mapping[str, tuple[ast.expr, Scope]] = field(default_factory=dict)
    depth: int = 0

    def value(self, node: ast.expr) -> Value:
        return self.values.get(node, UNKNOWN)

    def is_own(self, node: ast.expr) -> bool:
        return self.own is not None and isinstance(node, ast.Name) and node.id == self.own_name

    def is_builtin(self, func: ast.expr, *names: str) -> bool:
        return (
            isinstance(func, ast.Name)
            and func.id in names
            and self.function.global_name(func) == (f"builtins.{func.id}")
        )

    def within(self, names: frozenset[str]) -> Scope:
        return replace(self, bound=self.bound | names)

    def gives(self, name: ast.Name) -> tuple[ast.expr, Scope] | None:
        """What the call has given the parameter, as long as that is what the name stands for."""
        return self.given.get(name.id) if self._is_as_given(name) else None

    def received(self, name: ast.Name) -> tuple[ast.expr, Scope] | None:
        """What the one call of a method, in the forward of its class, gives the parameter that the name stands for."""
        spec, run = self.function.node.args, self.knowledge.run(self.cls) if self.cls is not None else None
        parameters = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        calls = list(run.met.calls.get(self.function, {}).items()) if run is not None else []
        if run is None or len(calls) != 1 or self.depth == _DEEPEST or name.id not in parameters:
            return None
        call, caller = calls[0]
        if not caller.by_name or any(isinstance(a, ast.Starred) for a in call.args) or not self._is_as_given(name):
            return None
        index = parameters.index(name.id) - 1  # the object comes first
        keyword = next((k.value for k in call.keywords if k.arg == name.id), None)
        given = call.args[index] if 0 <= index < len(call.args) else keyword
        outer, own = caller.function, own_name(caller.function)
        scope = Scope(self.knowledge, outer, own, self.cls, self.own, run.met.values, depth=self.depth + 1)
        return None if given is None else (given, scope)

    def definition(self, name: ast.Name) -> tuple[ast.expr, int | None] | None:
        """What a local variable was last set to; with the position, where that is taken apart."""
        store = self.store_before(name)
        statement = self._assignments.get(id(store))
        if statement is None or statement.value is None:
            return None
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if len(targets) != 1:
            return None
        if targets[0] is store:
            return statement.value, None
        parts = targets[0].elts if isinstance(targets[0], ast.Tuple) else []
        if store not in parts or any(isinstance(part, ast.Starred) for part in parts):
            return None
        return statement.value, parts.index(store)

    def stores(self, name: str) -> list[ast.Name]:
        """Where the variable is set anew, in source order; `xs += [x]` goes on with what it holds."""
        function = self.function.node
        grown = {id(n.target) for n in walk(function) if isinstance(n, ast.AugAssign)}
        nodes = (n for n in walk(function) if isinstance(n, ast.Name) and n.id == name and id(n) not in grown)
        return sorted((n for n in nodes if not isinstance(n.ctx, ast.Load)), key=position_of)

    def store_before(self, name: ast.Name) -> ast.Name | None:
        """The one that holds at a place: the only one, or the last before it where all stand in a row."""
        spec, stores = self.function.node.args, self.stores(name.id)
        parameters = {a.arg for a in named_parameters(spec)}
        if not self._in_a_row(stores) and (len(stores) > 1 or name.id in parameters):
            return None
        before = self._before(name, stores)
        return before[-1] if before else None

    def _is_as_given(self, name: ast.Name) -> bool:
        """Whether a parameter has not been set to something else where it is named."""
        stores = self.stores(name.id)
        return self._in_a_row(stores) and not self._before(name, stores)

    def _before(self, name: ast.Name, stores: list[ast.Name]) -> list[ast.Name]:
        return [store for store in stores if end_of(self._assignments.get(id(store), store)) <= position_of(name)]

    def _in_a_row(self, stores: list[ast.Name]) -> bool:
        """Whether all stand among the statements of the function, one behind the other."""
        return all(self._assignments.get(id(store)) in self.function.node.body for store in stores)

    def lasts(self, store: ast.Name) -> tuple[tuple[int, int], tuple[int, int]]:
        """From where to where the variable is what is set there."""
        stores = self.stores(store.id)
        behind = stores[stores.index(store) + 1 :]
        end = position_of(behind[0]) if behind else end_of(self.function.node)
        return end_of(self._assignments.get(id(store), store)), end

    def statement(self, store: ast.Name) -> ast.Assign | ast.AnnAssign | None:
        return self._assignments.get(id(store))

    @cached_property
    def _assignments(self) -> dict[int, ast.Assign | ast.AnnAssign]:
        """The statements that set variables, by the name in them."""
        statements = [s for s in walk(self.function.node) if isinstance(s, ast.Assign | ast.AnnAssign)]
        targets = ((s, t) for s in statements for t in (s.targets if isinstance(s, ast.Assign) else [s.target]))
        return {id(n): s for s, target in targets for n in walk(target)}

    def returned(self, call: ast.Call, receiver: tuple[ast.expr, Value] | None) -> tuple[ast.expr, Scope] | None:
        """What a call of the project's functions returns, and where that is to be read, if it returns in one place."""
        found = self.results(call, receiver)
        return found[0] if len(found) == 1 else None

    def results(self, call: ast.Call, receiver: tuple[ast.expr, Value] | None) -> list[tuple[ast.expr, Scope]]:
        """The same for each place where it returns; none where something of it cannot be known.

        `receiver` is the object that is called, or whose method is.
        """
        if self.depth == _DEEPEST or any(isinstance(a, ast.Starred) for a in call.args):
            return []
        inner = self._entered(call, receiver)
        if inner is None or inner.function.node.decorator_list or isinstance(inner.function.node, ast.AsyncFunctionDef):
            return []
        values = [statement.value for statement in returns_in(inner.function.node.body)]
        known = [value for value in values if value is not None]
        return [(value, inner) for value in known] if len(known) == len(values) else []

    def _entered(self, call: ast.Call, receiver: tuple[ast.expr, Value] | None) -> Scope | None:
        func, known = call.func, self.knowledge
        if receiver is None:
            name = self.function.name_inside(func)
            function = known.project.find(name) if name else None
            return self._inside(function, call, None, None, self.values) if isinstance(function, Function) else None
        own, value = receiver
        if not isinstance(value, ProjectModule):
            return None
        is_method = isinstance(func, ast.Attribute) and known.hierarchy.lineage(value.cls).method(func.attr)
        name = func.attr if is_method and isinstance(func, ast.Attribute) else "forward"
        method = known.hierarchy.lineage(value.cls).method(name)
        if method is None or any(name in below.methods for below in known.hierarchy.subclasses(value.cls)):
            return None
        run = known.run(value.cls) if value.cls is not self.cls else None
        values = self.values if value.cls is self.cls else run.met.values if run is not None else {}
        return self._inside(method, call, value.cls, own, values)

    def _inside(
        self,
        function: Function,
        call: ast.Call,
        cls: Class | None,
        own: ast.expr | None,
        values: Mapping[ast.expr, Value],
    ) -> Scope:
        spec = function.node.args
        name = own_name(function) if own is not None else None
        parameters = [a.arg for a in (*spec.posonlyargs, *spec.args) if a.arg != name]
        given = {parameter: (argument, self) for parameter, argument in zip(parameters, call.args, strict=False)}
        given |= {k.arg: (k.value, self) for k in call.keywords if k.arg is not None}
        return Scope(self.knowledge, function, name, cls, own, values, frozenset(), given, self.depth + 1)


def position_of(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def end_of(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0
