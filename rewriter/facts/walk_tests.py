"""What code that goes through modules asks of each, and whether a new module can be what it asks for."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from rewriter.facts.child_names import beginnings, is_handed_in, keeps_end
from rewriter.facts.code import Class, Function, FunctionNode
from rewriter.facts.hierarchy import Hierarchy, own_name
from rewriter.facts.imported import imported_inside
from rewriter.facts.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

_ASKS = frozenset({"hasattr", "getattr", "isinstance"})
_MADE_HERE = frozenset({"torch.nn.Module", "torch.nn.ModuleList"})
"""Besides the classes without parameters: what the modules that the rewriter makes are instances of."""
_HAD_BY_NEW_ONES = frozenset(
    "inplace p dim alpha beta negative_slope min_val max_val kernel_size stride padding dilation ceil_mode size "
    "scale_factor mode align_corners output_size threshold value lambd approximate function fixed takes".split()
)
_NEW_NAMES = ("ModuleList", "Function", "Call", "Ops")
"""What new modules are called in part that hold others; a module for an operation is kept away by its own name."""


@dataclass(frozen=True)
class Tests:
    """The tests in a loop over modules, or in a function that is applied to each."""

    hierarchy: Hierarchy
    cls: Class
    method: Function
    node: ast.For | ast.comprehension | FunctionNode | ast.Lambda
    child: str
    names: frozenset[str] = field(default=frozenset())
    """The child and its name."""

    def excludes(self, test: ast.expr) -> bool:
        """Whether the test fails for every child that the rewriter makes."""
        if isinstance(test, ast.BoolOp):
            return (any if isinstance(test.op, ast.And) else all)(map(self.excludes, test.values))
        if isinstance(test, ast.NamedExpr):
            return self.excludes(test.value)
        if types := self._types_compared(test):
            return all(map(self._is_never_made, types))
        if self._is_something(test):
            return True
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

    def _means_others(self, statement: ast.If) -> bool:
        """`if isinstance(child, conv_type): init(child.weight)`: whatever has that type has what is read at once."""
        test, first = statement.test, statement.body[0]
        if not isinstance(test, ast.Call) or not isinstance(test.func, ast.Name) or test.func.id != "isinstance":
            return False
        if not isinstance(first, ast.Expr | ast.Assign | ast.AugAssign) or not self._asks(test):
            return False
        read = {n.attr for n in walk(first) if isinstance(n, ast.Attribute) and self._is_child(n.value)}
        lazy = any(isinstance(n, ast.IfExp | ast.BoolOp | ast.Lambda | ast.comprehension) for n in walk(first))
        return not lazy and bool(read - MODULE_ATTRIBUTES - _HAD_BY_NEW_ONES)

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
        if (imported := imported_inside(self.method, kind)) is not None:
            return not imported.startswith(("torch.", "runtime."))
        name = self.method.full_name(kind)
        return name is not None and name not in _MADE_HERE

    def _is_something(self, test: ast.expr) -> bool:
        """`mark is not None`, where `mark = getattr(child, "_mark", None)` asks for what no new module has."""
        body = [] if isinstance(self.node, ast.Lambda | ast.comprehension) else self.node.body
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.left, ast.Name):
            return False
        is_asked = isinstance(test.ops[0], ast.IsNot) and ast.unparse(test.comparators[0]) == "None"
        name = test.left.id
        stored = [n for n in walk(self.node) if isinstance(n, ast.Assign) and assigns(n, name)]
        before = all(n in body and n.lineno < test.lineno for n in stored)
        values = [n.value for n in stored if isinstance(n.value, ast.Call) and len(n.value.args) == 3]
        asks = all(self.excludes(v) and ast.unparse(v.args[2]) == "None" for v in values)
        return is_asked and before and bool(stored) and len(values) == len(stored) and asks

    def _asks_for_names(self, test: ast.AST) -> bool:
        """`name in ("conv1", "fc")`, `name == "fc"`: no new module is called as the code says anything.

        Nor as a caller does, who knows the names only of what was there before: `name in names`.
        """
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return False
        wanted, names = test.comparators[0], self.names - {self.child}
        if isinstance(wanted, ast.Name) and isinstance(test.ops[0], ast.In):
            by_name = any(keeps_end(test.left, name, self.method.node) for name in names)
            return by_name and is_handed_in(self.method.node, own_name(self.method), wanted.id)
        texts = wanted.elts if isinstance(wanted, ast.Tuple | ast.List | ast.Set) else [wanted]
        by_name = isinstance(test.left, ast.Name) and test.left.id in names and isinstance(test.ops[0], ast.In | ast.Eq)
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
            stored = [n.value for n in walk(self.node) if isinstance(n, ast.Assign) and assigns(n, node.id)]
            return bool(stored) and all(not isinstance(v, ast.Name) and self._is_class_name(v) for v in stored)
        return ast.unparse(node) in (f"{self.child}.__class__.__name__", f"type({self.child}).__name__")

    def _asks(self, node: ast.Call) -> bool:
        named = isinstance(node.func, ast.Name) and node.func.id in _ASKS
        return named and bool(node.args) and self._is_child(node.args[0])

    def _is_child(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.child


def assigns(statement: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
