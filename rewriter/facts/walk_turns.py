"""What code that goes through modules does with each, and whether it does nothing to one more without state."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from rewriter.facts.applied import applied_function
from rewriter.facts.child_names import keeps_end, runs_over_names
from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.trees import children, walk
from rewriter.facts.walk_tests import Tests
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

_STATE = frozenset({"parameters", "named_parameters", "buffers", "named_buffers"})
_ANY_CHILD = MODULE_ATTRIBUTES - {"forward", "__call__"}
_WITHOUT_EFFECT = frozenset("len str int float bool min max abs isinstance hasattr getattr type".split())
_OF_TEXTS = frozenset({"startswith", "endswith", "find", "lower", "upper", "replace", "split", "get"})
_DEEPEST = 4


def leaves_new_ones_alone(hierarchy: Hierarchy, cls: Class, method: Function, given: ast.expr, depth: int = 0) -> bool:
    """Whether a function that is applied to each module does nothing to a new one."""
    if isinstance(given, ast.Lambda):
        names = [a.arg for a in given.args.args]
        return bool(names) and Turn(hierarchy, cls, method, given, names[0], depth=depth).passes_over()
    applied = applied_function(hierarchy, cls, method, given) if depth <= _DEEPEST else None
    if applied is None or not applied.parameter:
        return applied is not None  # the first module raises, whichever that is
    return Turn(hierarchy, cls, applied.function, applied.function.node, applied.parameter, depth=depth).passes_over()


@dataclass(frozen=True)
class Turn(Tests):
    """What is done with each module: `for child in self.children():`, or a function that is applied to it."""

    depth: int = 0

    @classmethod
    def of_loop(cls, hierarchy: Hierarchy, owner: Class, method: Function, node: ast.For | ast.comprehension) -> Turn:
        targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
        return cls(hierarchy, owner, method, node, "" if runs_over_names(node.iter) else names[-1], frozenset(names))

    def passes_over(self) -> bool:
        """Whether a turn with a child that has neither state nor attributes of its own does nothing."""
        if isinstance(self.node, ast.comprehension):
            return False
        if isinstance(self.node, ast.Lambda):
            return self._does_nothing(ast.Expr(self.node.body))
        if "" in self.names or not self._is_idle(self.node.body):
            return False
        run = [*self._reached(self.node.body), *([self.node.target] if isinstance(self.node, ast.For) else [])]
        names = (n for part in run for n in walk(part) if isinstance(n, ast.Name))
        set_here = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        return not any(map(self._is_read_below, set_here))

    def _reached(self, body: list[ast.stmt]) -> Iterator[ast.AST]:
        """What runs in a turn with a new child."""
        for statement in body:
            if isinstance(statement, ast.If) and self.excludes(statement.test):
                yield statement.test
                yield from self._reached(statement.orelse)
            else:
                yield statement
            if self._leaves(statement):
                return

    def _is_read_below(self, name: str) -> bool:
        """Whether a variable keeps what a turn has put there for somebody behind the loop."""
        end = 0 if isinstance(self.node, ast.comprehension) else self.node.end_lineno or 0
        named = (n for n in walk(self.method.node) if isinstance(n, ast.Name) and n.id == name and n.lineno > end)
        first = min(named, key=lambda n: (n.lineno, n.col_offset), default=None)
        return first is not None and isinstance(first.ctx, ast.Load)

    def _is_idle(self, body: list[ast.stmt]) -> bool:
        for statement in body:
            if not self._does_nothing(statement):
                return False
            if isinstance(statement, ast.Return | ast.Continue) or self._leaves(statement):
                break
        return True

    def _leaves(self, statement: ast.stmt) -> bool:
        """`if not isinstance(child, nn.Linear): return`: what stands below is for others."""
        ends = ast.Continue if isinstance(self.node, ast.For) else ast.Return | ast.Continue
        if not isinstance(statement, ast.If) or not isinstance(statement.body[-1], ends):
            return False
        test = statement.test
        return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and self.excludes(test.operand)

    def _does_nothing(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.If):
            skipped = self.excludes(statement.test) or self._means_others(statement)
            inner = [*([] if skipped else statement.body), *statement.orelse]
            return self.is_without_effect(statement.test) and self._is_idle(inner)
        if isinstance(statement, ast.For):
            idle = not any(self._met(statement.iter)) and self._is_idle(statement.body)
            return idle or self.has_none(statement.iter)
        if isinstance(statement, ast.With):
            return self._is_idle(statement.body)
        if isinstance(statement, ast.Assign):
            if self._renames(statement):
                return True
            names_only = all(isinstance(target, ast.Name) for target in statement.targets)
            return names_only and (self._is_class_name(statement.value) or self.is_without_effect(statement.value))
        if isinstance(statement, ast.Expr):
            return isinstance(statement.value, ast.Constant) or self._call_does_nothing(statement.value)
        if isinstance(statement, ast.Return):  # in a loop it ends the walk
            of_turn = not isinstance(self.node, ast.For)
            return of_turn and (statement.value is None or self.is_without_effect(statement.value))
        if isinstance(statement, ast.Raise):
            return self._raises_for_all()
        return isinstance(statement, ast.Pass | ast.Continue | ast.FunctionDef)

    def _raises_for_all(self) -> bool:
        """For the object itself, too, which is among those that are met, since nothing is asked of the child."""
        if isinstance(self.node, ast.Lambda | ast.comprehension) or self.depth:
            return False
        if isinstance(self.node, ast.For) and not ast.unparse(self.node.iter).endswith("modules()"):
            return False
        tests = (n.test for n in walk(self.node) if isinstance(n, ast.If))
        return not any(isinstance(n, ast.Name) and n.id in {*self.names, self.child} for t in tests for n in walk(t))

    def _renames(self, statement: ast.Assign) -> bool:
        """`name = f"{prefix}.{name}"`, which still names nothing but the child."""
        target = statement.targets[0]
        if len(statement.targets) != 1 or not isinstance(target, ast.Name):
            return False
        return target.id in self.names - {self.child} and keeps_end(statement.value, target.id, self.method.node)

    def _call_does_nothing(self, node: ast.expr) -> bool:
        """`child.requires_grad_(False)`, which concerns nothing but the child, or `self.initialize(child)`."""
        if not isinstance(node, ast.Call):
            return False
        func, to_child = node.func, [i for i, a in enumerate(node.args) if self._is_child(a)]
        if isinstance(func, ast.Attribute) and self._is_child(func.value):
            if func.attr == "apply":
                return bool(node.args) and self._passes_on(node.args[0])
            return func.attr in _ANY_CHILD and not any(map(any, map(self._met, node.args)))
        return to_child == [0] and self._passes_on(func)

    def _passes_on(self, function: ast.expr) -> bool:
        return leaves_new_ones_alone(self.hierarchy, self.cls, self.method, function, self.depth + 1)

    def is_without_effect(self, node: ast.expr) -> bool:
        """Nothing in it depends on the child, draws random numbers, or does anything else."""
        calls = (n for n in walk(node) if isinstance(n, ast.Call) and not self._stands_behind_test(node, n))
        return not any(self._met(node)) and all(map(_is_harmless, calls))

    def _stands_behind_test(self, test: ast.expr, call: ast.Call) -> bool:
        """In `isinstance(child, nn.Linear) and f()` the second is not run."""
        if not (isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)):
            return False
        reached = next((i for i, value in enumerate(test.values, 1) if self.excludes(value)), len(test.values))
        return any(n is call for value in test.values[reached:] for n in walk(value))

    def _met(self, node: ast.AST) -> Iterator[ast.Name]:
        """Where the child or its name is used for something that could tell one more child from none."""
        if isinstance(node, ast.Name):
            if node.id in self.names or node.id == self.child:
                yield node
            return
        inner: Sequence[ast.AST] = children(node)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            reached = next((i for i, value in enumerate(node.values, 1) if self.excludes(value)), None)
            inner = list(node.values[:reached])  # what stands behind a test that fails is not run
        elif isinstance(node, ast.Call) and self._asks(node):
            inner = [*node.args[1:], *node.keywords]
        elif types := self._types_compared(node):
            inner = types
        elif self._asks_for_identity(node):
            inner = node.comparators  # `child is not self`
        elif self._says_nothing_of_others(node) or self._asks_for_beginning(node) or self._reads_name(node):
            inner = []
        for part in inner:
            yield from self._met(part)

    def _reads_name(self, node: ast.AST) -> bool:
        """`"fc" in name`, `name != "head"`: nothing happens while it is asked."""
        parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        names = self.names - {self.child}
        return bool(parts) and all(
            isinstance(part, ast.Constant) or (isinstance(part, ast.Name) and part.id in names) for part in parts
        )

    def _asks_for_identity(self, node: ast.AST) -> TypeGuard[ast.Compare]:
        return (
            isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot) and self._is_child(node.left)
        )

    def _says_nothing_of_others(self, node: ast.AST) -> bool:
        """A comparison of the child's class name, looked at on its own, or an attribute that every child has."""
        if isinstance(node, ast.Compare):
            return self._asks_for_names(node) or bool(self._text_in_class_name(node))
        return isinstance(node, ast.Attribute) and self._is_child(node.value) and node.attr in _ANY_CHILD

    def has_none(self, over: ast.expr) -> bool:
        """`child.parameters()`, of which a new child has none."""
        return isinstance(over, ast.Call) and self._is_state(over.func) and not any(self._met(over))

    def _is_state(self, func: ast.expr) -> bool:
        return isinstance(func, ast.Attribute) and self._is_child(func.value) and func.attr in _STATE


def _is_harmless(call: ast.Call) -> bool:
    """A call that does nothing but return something, the same each time."""
    if isinstance(call.func, ast.Name):
        return call.func.id in _WITHOUT_EFFECT
    path = ast.unparse(call.func)
    return path.startswith("math.") or path.rpartition(".")[2] in _OF_TEXTS
