"""Code of a class that goes through its own children, and whether one more child could change what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.hierarchy import own_name
from rewriter.facts.project import Class, Function
from rewriter.facts.trees import children, walk
from rewriter.torch_api.modules import PARAMETER_FREE
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

_WALKS = frozenset({"children", "named_children", "_modules"})
_ASKS = frozenset({"hasattr", "getattr", "isinstance"})
_STATE = frozenset({"parameters", "named_parameters", "buffers", "named_buffers"})
_ANY_CHILD = MODULE_ATTRIBUTES - {"forward", "__call__"}


def unsettled_walk(cls: Class) -> ast.expr | None:
    """What goes through the class's own children and might do otherwise with one more that has no state."""
    own = {own_name(method) for method in cls.methods.values()}
    settled = {
        id(node.iter.func)
        for method in cls.methods.values()
        for node in walk(method.node)
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Call) and _Loop.of(method, node).passes_over()
    }
    for node in walk(cls.node):
        if not isinstance(node, ast.Attribute) or node.attr not in _WALKS or id(node) in settled:
            continue
        if isinstance(node.value, ast.Name) and node.value.id in own:
            return node
    return None


@dataclass(frozen=True)
class _Loop:
    """`for child in self.children():` or `for name, child in self.named_children():`."""

    method: Function
    node: ast.For
    child: str
    names: frozenset[str]
    """The child and its name."""

    @classmethod
    def of(cls, method: Function, node: ast.For) -> _Loop:
        targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
        return cls(method, node, names[-1], frozenset(names))

    def passes_over(self) -> bool:
        """Whether a turn with a child that has neither state nor attributes of its own does nothing."""
        if "" in self.names or not self._is_idle(self.node.body):
            return False
        set_here = {n.id for n in walk(self.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        end = self.node.end_lineno or 0
        return not any(isinstance(n, ast.Name) and n.id in set_here and n.lineno > end for n in walk(self.method.node))

    def _is_idle(self, body: list[ast.stmt]) -> bool:
        return all(self._does_nothing(statement) for statement in body)

    def _does_nothing(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.If):
            skipped = self._excludes(statement.test)
            inner = [*([] if skipped else statement.body), *statement.orelse]
            return not any(self._met(statement.test)) and self._is_idle(inner)
        if isinstance(statement, ast.For):
            skipped = isinstance(statement.iter, ast.Call) and self._is_state(statement.iter.func)
            return not any(self._met(statement.iter)) and (skipped or self._is_idle(statement.body))
        if isinstance(statement, ast.Assign):
            return all(isinstance(t, ast.Name) for t in statement.targets) and not any(self._met(statement.value))
        if isinstance(statement, ast.Expr):
            call = statement.value
            return isinstance(call, ast.Constant) or (self._is_of_child(call) and not any(self._met(call)))
        return isinstance(statement, ast.Pass | ast.Continue)

    def _is_of_child(self, node: ast.expr) -> bool:
        """`child.apply(f)`, which concerns nothing but the child."""
        func = node.func if isinstance(node, ast.Call) else None
        return isinstance(func, ast.Attribute) and self._is_child(func.value)

    def _excludes(self, test: ast.expr) -> bool:
        """Whether the test fails for every child that the rewriter makes."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(map(self._excludes, test.values))
        if isinstance(test, ast.NamedExpr):
            return self._excludes(test.value)
        if not isinstance(test, ast.Call) or not self._asks(test) or len(test.args) < 2:
            return False
        wanted = test.args[1]
        if isinstance(test.func, ast.Name) and test.func.id == "isinstance":
            kinds = wanted.elts if isinstance(wanted, ast.Tuple) else [wanted]
            return all(_has_state(self.method.full_name(kind)) for kind in kinds)
        unknown = isinstance(wanted, ast.Constant) and wanted.value not in MODULE_ATTRIBUTES
        default = test.args[2] if len(test.args) == 3 else ast.Constant(None)
        return unknown and isinstance(default, ast.Constant) and not default.value

    def _met(self, node: ast.AST) -> Iterator[ast.Name]:
        """Where the child or its name is used for something that could tell one more child from none."""
        if isinstance(node, ast.Name):
            if node.id in self.names:
                yield node
            return
        inner = children(node)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            reached = next((i for i, value in enumerate(node.values, 1) if self._excludes(value)), None)
            inner = list(node.values[:reached])  # what stands behind a test that fails is not run
        elif isinstance(node, ast.Call) and self._asks(node):
            inner = [*node.args[1:], *node.keywords]
        elif isinstance(node, ast.Attribute) and self._is_child(node.value) and node.attr in _ANY_CHILD:
            inner = []
        for part in inner:
            yield from self._met(part)

    def _asks(self, node: ast.Call) -> bool:
        named = isinstance(node.func, ast.Name) and node.func.id in _ASKS
        return named and bool(node.args) and self._is_child(node.args[0])

    def _is_state(self, func: ast.expr) -> bool:
        return isinstance(func, ast.Attribute) and self._is_child(func.value) and func.attr in _STATE

    def _is_child(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.child


def _has_state(name: str | None) -> bool:
    """A class of torch that the rewriter never makes."""
    is_torch = name is not None and name.startswith("torch.nn.")
    return is_torch and name not in PARAMETER_FREE and name != "torch.nn.Module"
