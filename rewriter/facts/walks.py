"""Code of a class that goes through its own modules, and whether one more of them could change what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rewriter.facts.child_names import beginnings, runs_over_names
from rewriter.facts.code import Class, Function, FunctionNode
from rewriter.facts.hierarchy import own_name
from rewriter.facts.trees import children, walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

CHILDREN = frozenset({"children", "named_children", "_modules"})
DESCENDANTS = frozenset({"modules", "named_modules"})
_ASKS = frozenset({"hasattr", "getattr", "isinstance"})
_STATE = frozenset({"parameters", "named_parameters", "buffers", "named_buffers"})
_ANY_CHILD = MODULE_ATTRIBUTES - {"forward", "__call__"}
_MADE_HERE = frozenset({"torch.nn.Module", "torch.nn.ModuleList"})
"""Besides the classes without parameters: what the modules that the rewriter makes are instances of."""
_HAD_BY_NEW_ONES = frozenset(
    "inplace p dim alpha beta negative_slope min_val max_val kernel_size stride padding dilation ceil_mode size "
    "scale_factor mode align_corners output_size threshold value lambd approximate function fixed takes".split()
)
_WITHOUT_EFFECT = frozenset("len str int float bool min max abs isinstance hasattr getattr type".split())
_OF_TEXTS = frozenset({"startswith", "endswith", "find", "lower", "upper", "replace", "split", "get"})
_DEEPEST = 4
_NEW_NAMES = ("ModuleList", "Function", "Call", "Ops")
"""What new modules are called in part that hold others; a module for an operation is kept away by its own name."""


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
class _Turn:
    """What is done with each module: `for child in self.children():`, or a function that is applied to it."""

    cls: Class
    method: Function
    node: ast.For | FunctionNode | ast.Lambda
    child: str
    names: frozenset[str] = field(default=frozenset())
    """The child and its name."""
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
        set_here = {n.id for n in walk(self.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        return not any(map(self._is_read_below, set_here))

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
            skipped = self._excludes(statement.test)
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

    def _excludes(self, test: ast.expr) -> bool:
        """Whether the test fails for every child that the rewriter makes."""
        if isinstance(test, ast.BoolOp):
            return (any if isinstance(test.op, ast.And) else all)(map(self._excludes, test.values))
        if isinstance(test, ast.NamedExpr):
            return self._excludes(test.value)
        if types := self._types_compared(test):
            return all(map(self._is_never_made, types))
        if self._asks_for_names(test) or self._asks_for_beginning(test):
            return True
        if text := self._text_in_class_name(test):
            return not any(text in name for name in _NEW_NAMES)
        if not isinstance(test, ast.Call) or not self._asks(test) or len(test.args) < 2:
            return False
        wanted = test.args[1]
        if isinstance(test.func, ast.Name) and test.func.id == "isinstance":
            kinds = wanted.elts if isinstance(wanted, ast.Tuple) else [wanted]
            return all(map(self._is_never_made, kinds))
        unknown = isinstance(wanted, ast.Constant) and wanted.value not in MODULE_ATTRIBUTES | _HAD_BY_NEW_ONES
        default = test.args[2] if len(test.args) == 3 else ast.Constant(None)
        return unknown and isinstance(default, ast.Constant) and not default.value

    def _types_compared(self, test: ast.AST) -> list[ast.expr]:
        """The classes in `type(child) == nn.Linear`, or with `is`, or `type(child) in (nn.Linear, nn.Conv2d)`."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.left, ast.Call):
            return []
        asks = isinstance(test.left.func, ast.Name) and test.left.func.id == "type" and len(test.left.args) == 1
        if not asks or not self._is_child(test.left.args[0]):
            return []
        wanted = test.comparators[0]
        if isinstance(test.ops[0], ast.In):
            return list(wanted.elts) if isinstance(wanted, ast.Tuple | ast.List | ast.Set) else []
        return [wanted] if isinstance(test.ops[0], ast.Eq | ast.Is) else []

    def _is_never_made(self, kind: ast.expr) -> bool:
        """A class of the project, or of torch: where code asks for it, another takes its place in new modules."""
        name = self.method.full_name(kind)
        return name is not None and name not in _MADE_HERE

    def _asks_for_names(self, test: ast.AST) -> bool:
        """`name in ("conv1", "fc")`, `name == "fc"`: no new module is called as the code says anything."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.left, ast.Name):
            return False
        wanted = test.comparators[0]
        texts = wanted.elts if isinstance(wanted, ast.Tuple | ast.List | ast.Set) else [wanted]
        by_name = test.left.id in self.names - {self.child} and isinstance(test.ops[0], ast.In | ast.Eq)
        return by_name and all(isinstance(text, ast.Constant) for text in texts)

    def _asks_for_beginning(self, test: ast.AST) -> bool:
        """`name.startswith("aux_")`: no new module is called so where code asks for it."""
        func = test.func if isinstance(test, ast.Call) else None
        if not isinstance(test, ast.Call) or not isinstance(func, ast.Attribute) or func.attr != "startswith":
            return False
        by_name = isinstance(func.value, ast.Name) and func.value.id in self.names - {self.child}
        return by_name and bool(beginnings(test))

    def _text_in_class_name(self, test: ast.expr) -> str:
        """The text in `name.find("Conv") != -1`, `"Conv" in name` or `name == "Conv2d"`, for the child's class name."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return ""
        left, right = test.left, test.comparators[0]
        if isinstance(left, ast.Call) and isinstance(left.func, ast.Attribute) and left.func.attr == "find":
            found = isinstance(test.ops[0], ast.NotEq | ast.Gt | ast.GtE) and ast.unparse(right) in ("-1", "0")
            name, text = left.func.value, left.args[0] if left.args and found else None
        else:
            name, text = (right, left) if isinstance(test.ops[0], ast.In) else (left, right)
            text = text if isinstance(test.ops[0], ast.In | ast.Eq) else None
        is_text = isinstance(text, ast.Constant) and isinstance(text.value, str)
        return str(text.value) if is_text and isinstance(text, ast.Constant) and self._is_class_name(name) else ""

    def _is_class_name(self, node: ast.expr) -> bool:
        """`child.__class__.__name__`, or a variable that holds it."""
        if isinstance(node, ast.Name):
            stored = [n.value for n in walk(self.node) if isinstance(n, ast.Assign) and _assigns(n, node.id)]
            return bool(stored) and all(not isinstance(v, ast.Name) and self._is_class_name(v) for v in stored)
        return ast.unparse(node) in (f"{self.child}.__class__.__name__", f"type({self.child}).__name__")

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

    def _asks(self, node: ast.Call) -> bool:
        named = isinstance(node.func, ast.Name) and node.func.id in _ASKS
        return named and bool(node.args) and self._is_child(node.args[0])

    def _is_state(self, func: ast.expr) -> bool:
        return isinstance(func, ast.Attribute) and self._is_child(func.value) and func.attr in _STATE

    def _is_child(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.child


def _assigns(statement: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)


def _is_harmless(call: ast.Call) -> bool:
    """A call that does nothing but return something, the same each time."""
    if isinstance(call.func, ast.Name):
        return call.func.id in _WITHOUT_EFFECT
    path = ast.unparse(call.func)
    return path.startswith("math.") or path.rpartition(".")[2] in _OF_TEXTS
