"""Numbers that a method computes, said by expressions that `__init__` can evaluate."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.expressions.paths import Paths, own_of
from rewriter.facts.expressions.scopes import Scope
from rewriter.facts.expressions.written import all_known, length_of
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction


@dataclass(eq=False)
class Numbers:
    knowledge: Knowledge
    place: Construction
    filled_by: set[str]
    """The methods that have to have run before the expressions are evaluated: whoever asks gathers them here."""

    def members(self, node: ast.expr, scope: Scope, exact: bool) -> ast.expr | None:
        """What is as long as a list; where it need not be exact, it may be longer."""
        raise NotImplementedError

    @property
    def paths(self) -> Paths:
        return Paths(self.knowledge, lambda node, scope: self.number(node, scope, exact=True))

    def number(self, node: ast.expr, scope: Scope, exact: bool = False) -> ast.expr | None:
        """An expression for the number; unless it is to be exact, it may be larger."""
        if isinstance(node, ast.Constant):
            return node if isinstance(node.value, int) else None
        if isinstance(node, ast.UnaryOp):
            operand = self.number(node.operand, scope, exact=True)
            return None if operand is None else ast.UnaryOp(node.op, operand)
        if isinstance(node, ast.BinOp):
            falls = isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow)
            left = self.number(node.left, scope, exact)
            right = self.number(node.right, scope, exact or falls)
            return None if left is None or right is None else ast.BinOp(left, node.op, right)
        if isinstance(node, ast.Call) and not node.keywords:
            return self._computed(node, scope, exact)
        if isinstance(node, ast.Name):
            return self._named_number(node, scope, exact)
        path = self.paths.path(node, scope)
        if path is None or not path.always:
            return None
        self.filled_by |= path.filled_by
        return path.node

    def _computed(self, node: ast.Call, scope: Scope, exact: bool) -> ast.expr | None:
        if scope.is_builtin(node.func, "len") and len(node.args) == 1:
            found = self.members(node.args[0], scope, exact)
            return None if found is None else length_of(found)
        if scope.is_builtin(node.func, "getattr") and len(node.args) == 3 and self._is_unset(node, scope):
            return ast.Call(node.func, [own_of(scope), *node.args[1:]], [])
        is_math = (scope.function.global_name(node.func) or "").startswith("math.") and self.is_at_hand(scope)
        if not is_math and not scope.is_builtin(node.func, "min", "max", "int", "abs"):
            return None
        numbers = [self.number(a, scope, exact or is_math or scope.is_builtin(node.func, "abs")) for a in node.args]
        return ast.Call(node.func, known, []) if (known := all_known(numbers)) is not None else None

    def _named_number(self, node: ast.Name, scope: Scope, exact: bool) -> ast.expr | None:
        if node.id in scope.bound:
            return node
        if (given := scope.gives(node)) is not None:
            return self.number(given[0], given[1], exact)
        definition = scope.definition(node)
        if definition is not None and definition[1] is None:
            return self.number(definition[0], scope, exact)
        if (received := scope.received(node)) is not None:
            return self.number(received[0], received[1], exact)
        at_file_level = [s for s in scope.function.file.source.tree.body if isinstance(s, ast.Assign)]
        stated = [s.value for s in at_file_level if binds(s.targets, node.id)]
        is_constant = len(stated) == 1 and isinstance(stated[0], ast.Constant) and isinstance(stated[0].value, int)
        known = is_constant and node.id not in scope.function.locals and self.is_at_hand(scope)
        return node if known else None

    def is_at_hand(self, scope: Scope) -> bool:
        """What the file of the function names, `__init__` can name as well."""
        return scope.function.file is self.place.cls.file

    def _is_unset(self, node: ast.Call, scope: Scope) -> bool:
        """`getattr(self, "n", 3)`, a number in any case."""
        name, default = node.args[1:]
        named = isinstance(name, ast.Constant) and isinstance(name.value, str)
        return scope.is_own(node.args[0]) and named and self.number(default, scope) is not None


def binds(targets: list[ast.expr], name: str) -> bool:
    return any(isinstance(t, ast.Name) and t.id == name for t in targets)
