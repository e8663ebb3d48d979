"""The loops around a site, and how often each will turn, said by an expression that `__init__` can evaluate."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.code import Class, Function, FunctionNode
from rewriter.facts.construction import Construction
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.trees import children, walk
from rewriter.values.base import Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.modules import Made, Module
from rewriter.values.sequence import Sequence

_SAME_LENGTH = frozenset({"enumerate", "reversed", "list", "tuple", "iter"})
_VIEWS = frozenset({"items", "values", "keys"})
_ARITHMETIC = frozenset({"range", "len", "min", "max", "int", "abs"})
_CHANGING = frozenset({"append", "extend", "insert", "pop", "add_module", "register_module", "update", "clear"})


@dataclass(frozen=True)
class Loop:
    """A `for`, as a statement or in a comprehension; `iter` is None for anything that turns as long as it likes."""

    target: ast.expr | None
    iter: ast.expr | None
    inside: tuple[ast.AST, ...]
    """What runs at each turn."""


def loops_around(function: FunctionNode, site: ast.AST) -> list[Loop]:
    """Outermost first."""
    found: list[Loop] = []
    node: ast.AST = function
    while node is not site:
        step = next((c for c in children(node) if _holds(c, site)), None)
        if step is None:
            return found
        found += _entered(node, step, site)
        node = step
    return found


def _entered(node: ast.AST, step: ast.AST, site: ast.AST) -> Iterator[Loop]:
    """The loops of `node` that are around its child `step`."""
    if isinstance(node, ast.For) and step in node.body:
        yield Loop(node.target, node.iter, tuple(node.body))
    elif isinstance(node, ast.While | ast.AsyncFor) and step not in node.orelse:
        yield Loop(None, None, tuple(node.body))
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        for generator in node.generators:
            if generator is step:  # the site stands in this one's own header: its conditions run at each turn
                if any(_holds(c, site) for c in generator.ifs):
                    yield Loop(generator.target, generator.iter, (node,))
                return
            yield Loop(generator.target, generator.iter, (node,))


def _holds(node: ast.AST, wanted: ast.AST) -> bool:
    return any(n is wanted for n in walk(node))


@dataclass(eq=False)
class Counts:
    """Says how often loops in a method of one class turn."""

    knowledge: Knowledge
    place: Construction
    function: Function
    own: str
    """What the function calls its object."""
    values: dict[ast.expr, Value]

    def over(self, node: ast.expr, bound: frozenset[str]) -> ast.expr | None:
        """An expression for `__init__` whose length is how often a loop over `node` turns, or a little more."""
        if isinstance(node, ast.Call) and not node.keywords:
            return self._over_call(node, bound)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            whole = self.over(node.value, bound)
            parts = [p for p in (node.slice.lower, node.slice.upper, node.slice.step) if p is not None]
            return self._in_init(node) if whole is not None and all(self._number(p, bound) for p in parts) else None
        if isinstance(node, ast.Name) and node.id in bound and self._holds_modules(node):
            return node
        if self._is_own_attribute(node) and self._holds_modules(node) and self._settled(node):
            return self._in_init(node)
        return None

    def whole(self, node: ast.expr, bound: frozenset[str]) -> ast.expr | None:
        """`node` itself for `__init__`, if that can evaluate it as it stands."""
        parts = node.args if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else [node]
        known = all(self.over(part, bound) is not None or self._number(part, bound) for part in parts)
        return self._in_init(node) if known and self.over(node, bound) is not None else None

    def _over_call(self, node: ast.Call, bound: frozenset[str]) -> ast.expr | None:
        func = node.func
        if isinstance(func, ast.Attribute) and func.attr in _VIEWS and not node.args:
            return self.over(func.value, bound)
        if not isinstance(func, ast.Name) or func.id in self.function.locals or not node.args:
            return None
        if func.id in _SAME_LENGTH and len(node.args) == 1:
            return self.over(node.args[0], bound)
        if func.id == "zip":  # the shortest decides, so any that can be counted is long enough
            return next((c for c in (self.over(a, bound) for a in node.args) if c is not None), None)
        if func.id == "range" and all(self._number(a, bound) for a in node.args):
            return self._in_init(node)
        return None

    def _number(self, node: ast.expr, bound: frozenset[str]) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, int)
        if isinstance(node, ast.UnaryOp):
            return self._number(node.operand, bound)
        if isinstance(node, ast.BinOp):
            return self._number(node.left, bound) and self._number(node.right, bound)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            if node.func.id == "len" and len(node.args) == 1:
                return self.over(node.args[0], bound) is not None
            return node.func.id in _ARITHMETIC and all(self._number(a, bound) for a in node.args)
        while isinstance(node, ast.Attribute) and not self._is_own_attribute(node):
            node = node.value  # `self.config.depth` is known where `self.config` is
        return self._is_own_attribute(node) and self._settled(node)

    def _is_own_attribute(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.own

    def _holds_modules(self, node: ast.expr) -> bool:
        value = self.values.get(node)
        return value is not None and self._is_of_modules(value)

    def _is_of_modules(self, value: Value) -> bool:
        if isinstance(value, Sequence | Dictionary):
            return value.member().is_only(Module) or self._is_of_modules(value.member())
        return isinstance(value, Module) and self._is_sequential(value.made)

    def _is_sequential(self, made: Made) -> bool:
        if isinstance(made, Class):
            return "torch.nn.Sequential" in self.knowledge.hierarchy.lineage(made).torch
        return made == "torch.nn.Sequential"

    def _settled(self, node: ast.expr) -> bool:
        """The attribute is set by an `__init__` that has run when the new lines run, and by nothing else."""
        assert isinstance(node, ast.Attribute)
        hierarchy = self.knowledge.hierarchy
        family = [*hierarchy.lineage(self.place.cls).project, *hierarchy.subclasses(self.place.cls)]
        upper = hierarchy.lineage(self.place.cls).project
        setters = [m for c in family for m in c.methods.values() if _changes(m.node, node.attr)]
        allowed = [c.constructor for c in upper]
        makers = [m for m in setters if any(_assigns(s, node.attr) for s in m.node.body)]
        return bool(makers) and all(any(m is a for a in allowed) for m in setters)

    def _in_init(self, node: ast.expr) -> ast.expr:
        """The expression with `__init__`'s own name for the object."""
        renamed = copy.deepcopy(node)
        for inner in walk(renamed):
            if isinstance(inner, ast.Name) and inner.id == self.own:
                inner.id = self.place.self_name
        return renamed


def _assigns(statement: ast.stmt, attribute: str) -> bool:
    targets = (
        statement.targets
        if isinstance(statement, ast.Assign)
        else [statement.target]
        if isinstance(statement, ast.AnnAssign)
        else []
    )
    return any(isinstance(t, ast.Attribute) and t.attr == attribute for t in targets)


def _changes(function: FunctionNode, attribute: str) -> bool:
    """Whether the function sets the attribute, or changes what it holds."""

    def is_it(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == attribute

    for node in walk(function):
        if is_it(node) and isinstance(node.ctx, ast.Store | ast.Del):  # type: ignore[attr-defined]
            return True
        if isinstance(node, ast.Subscript) and is_it(node.value) and not isinstance(node.ctx, ast.Load):
            return True
        func = node.func if isinstance(node, ast.Call) else None
        if isinstance(func, ast.Attribute) and func.attr in _CHANGING and is_it(func.value):
            return True
    return False
