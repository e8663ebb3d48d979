"""Code of a class that goes through its own modules, and whether one more of them could change what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rewriter.facts.child_names import runs_over_names
from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import own_name
from rewriter.facts.trees import children, walk
from rewriter.facts.walk_tests import Tests
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

CHILDREN = frozenset({"children", "named_children", "_modules"})
DESCENDANTS = frozenset({"modules", "named_modules"})
_STATE = frozenset({"parameters", "named_parameters", "buffers", "named_buffers"})
_ANY_CHILD = MODULE_ATTRIBUTES - {"forward", "__call__"}
_WITHOUT_EFFECT = frozenset("len str int float bool min max abs isinstance hasattr getattr type".split())
_OF_TEXTS = frozenset({"startswith", "endswith", "find", "lower", "upper", "replace", "split", "get"})
_DEEPEST = 4


def walks(cls: Class, by: frozenset[str]) -> Iterator[tuple[Function, ast.expr]]:
    """What goes through an object's own modules by these names, and might do otherwise with one more without state."""
    for method in cls.methods.values():
        own = own_name(method)
        if own is None or not method.words & (by | {"apply"}):
            continue
        loops = (n for n in walk(method.node) if isinstance(n, ast.For) and _is_settled_loop(cls, method, n))
        settled = {id(node) for loop in loops for node in walk(loop.iter)}  # `self._modules.items()`, too
        for node in walk(method.node):
            if isinstance(node, ast.Call) and _is_own(node.func, own, frozenset({"apply"})) and by == DESCENDANTS:
                if not (node.args and _leaves_new_ones_alone(cls, method, node.args[0])):
                    yield method, node
            elif _is_own(node, own, by) and id(node) not in settled:
                assert isinstance(node, ast.Attribute)
                yield method, node


def _is_own(node: ast.AST, own: str, names: frozenset[str]) -> bool:
    of_object = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == own
    return of_object and isinstance(node, ast.Attribute) and node.attr in names


def _is_settled_loop(cls: Class, method: Function, node: ast.For) -> bool:
    walked = isinstance(node.iter, ast.Call) or runs_over_names(node.iter)
    return walked and _Turn.of_loop(cls, method, node).passes_over()


def _leaves_new_ones_alone(cls: Class, method: Function, given: ast.expr, depth: int = 0) -> bool:
    """Whether a function that is applied to each module does nothing to a new one."""
    if isinstance(given, ast.Call) and given.args and ast.unparse(given.func).endswith("partial"):
        given = given.args[0]
    if isinstance(given, ast.Lambda):
        return bool(given.args.args) and _Turn(cls, method, given, given.args.args[0].arg, depth=depth).passes_over()
    function = _meant(cls, method, given)
    if function is None or depth > _DEEPEST:
        return False
    parameters = [a.arg for a in (*function.node.args.posonlyargs, *function.node.args.args)]
    parameters = parameters[1:] if own_name(function) and function.owner is not None else parameters
    owner = function.owner or cls
    return bool(parameters) and _Turn(owner, function, function.node, parameters[0], depth=depth).passes_over()


def _meant(cls: Class, method: Function, node: ast.expr) -> Function | None:
    """The method of the object, or function of the file or of `__init__`, that an expression names."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return cls.methods.get(node.attr) if node.value.id in (own_name(method), cls.node.name) else None
    if not isinstance(node, ast.Name):
        return None
    inside = [n for n in walk(method.node) if isinstance(n, ast.FunctionDef) and n.name == node.id]
    return Function(inside[0], method.file, method.shadowed) if inside else method.file.functions.get(node.id)


@dataclass(frozen=True)
class _Turn(Tests):
    """What is done with each module: `for child in self.children():`, or a function that is applied to it."""

    depth: int = 0

    @classmethod
    def of_loop(cls, owner: Class, method: Function, node: ast.For) -> _Turn:
        targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
        return cls(owner, method, node, "" if runs_over_names(node.iter) else names[-1], frozenset(names))

    def passes_over(self) -> bool:
        """Whether a turn with a child that has neither state nor attributes of its own does nothing."""
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
            if isinstance(statement, ast.If) and self._excludes(statement.test):
                yield statement.test
                yield from self._reached(statement.orelse)
            else:
                yield statement
            if self._leaves(statement):
                return

    def _is_read_below(self, name: str) -> bool:
        """Whether a variable keeps what a turn has put there for somebody behind the loop."""
        end = self.node.end_lineno or 0
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
        if not isinstance(statement, ast.If) or not isinstance(statement.body[-1], ast.Return | ast.Continue):
            return False
        test = statement.test
        return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and self._excludes(test.operand)

    def _does_nothing(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.If):
            skipped = self._excludes(statement.test) or self._means_others(statement)
            inner = [*([] if skipped else statement.body), *statement.orelse]
            return self._is_without_effect(statement.test) and self._is_idle(inner)
        if isinstance(statement, ast.For):
            skipped = isinstance(statement.iter, ast.Call) and self._is_state(statement.iter.func)
            return not any(self._met(statement.iter)) and (skipped or self._is_idle(statement.body))
        if isinstance(statement, ast.With):
            return self._is_idle(statement.body)
        if isinstance(statement, ast.Assign):
            names_only = all(isinstance(target, ast.Name) for target in statement.targets)
            return names_only and (self._is_class_name(statement.value) or self._is_without_effect(statement.value))
        if isinstance(statement, ast.Expr):
            return isinstance(statement.value, ast.Constant) or self._call_does_nothing(statement.value)
        if isinstance(statement, ast.Return):
            return statement.value is None or self._is_without_effect(statement.value)
        if isinstance(statement, ast.Raise):  # for the object itself, too, since nothing is asked of the child
            return not isinstance(self.node, ast.For) or ast.unparse(self.node.iter).endswith("modules()")
        return isinstance(statement, ast.Pass | ast.Continue | ast.FunctionDef)

    def _call_does_nothing(self, node: ast.expr) -> bool:
        """`child.requires_grad_(False)`, which concerns nothing but the child, or `self.initialize(child)`."""
        if not isinstance(node, ast.Call):
            return False
        func, to_child = node.func, [i for i, a in enumerate(node.args) if self._is_child(a)]
        if isinstance(func, ast.Attribute) and self._is_child(func.value):
            if func.attr == "apply":
                return bool(node.args) and _leaves_new_ones_alone(self.cls, self.method, node.args[0], self.depth + 1)
            return func.attr in _ANY_CHILD and not any(map(any, map(self._met, node.args)))
        return to_child == [0] and _leaves_new_ones_alone(self.cls, self.method, func, self.depth + 1)

    def _is_without_effect(self, node: ast.expr) -> bool:
        """Nothing in it depends on the child, draws random numbers, or does anything else."""
        calls = (n for n in walk(node) if isinstance(n, ast.Call) and not self._stands_behind_test(node, n))
        return not any(self._met(node)) and all(map(_is_harmless, calls))

    def _stands_behind_test(self, test: ast.expr, call: ast.Call) -> bool:
        """In `isinstance(child, nn.Linear) and f()` the second is not run."""
        if not (isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)):
            return False
        reached = next((i for i, value in enumerate(test.values, 1) if self._excludes(value)), len(test.values))
        return any(n is call for value in test.values[reached:] for n in walk(value))

    def _met(self, node: ast.AST) -> Iterator[ast.Name]:
        """Where the child or its name is used for something that could tell one more child from none."""
        if isinstance(node, ast.Name):
            if node.id in self.names or node.id == self.child:
                yield node
            return
        inner: Sequence[ast.AST] = children(node)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            reached = next((i for i, value in enumerate(node.values, 1) if self._excludes(value)), None)
            inner = list(node.values[:reached])  # what stands behind a test that fails is not run
        elif isinstance(node, ast.Call) and self._asks(node):
            inner = [*node.args[1:], *node.keywords]
        elif types := self._types_compared(node):
            inner = types
        elif self._says_nothing_of_others(node) or self._asks_for_beginning(node):
            inner = []
        for part in inner:
            yield from self._met(part)

    def _says_nothing_of_others(self, node: ast.AST) -> bool:
        """A comparison of the child's class name, looked at on its own, or an attribute that every child has."""
        if isinstance(node, ast.Compare):
            return self._asks_for_names(node) or bool(self._text_in_class_name(node))
        return isinstance(node, ast.Attribute) and self._is_child(node.value) and node.attr in _ANY_CHILD

    def _is_state(self, func: ast.expr) -> bool:
        return isinstance(func, ast.Attribute) and self._is_child(func.value) and func.attr in _STATE


def _is_harmless(call: ast.Call) -> bool:
    """A call that does nothing but return something, the same each time."""
    if isinstance(call.func, ast.Name):
        return call.func.id in _WITHOUT_EFFECT
    path = ast.unparse(call.func)
    return path.startswith("math.") or path.rpartition(".")[2] in _OF_TEXTS
