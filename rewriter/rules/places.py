"""What becomes of the places of one module: each is given an instance, or it is said why they go on sharing it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.changes.change import Substitution
from rewriter.python.code import Class, Function
from rewriter.results import Refusal
from rewriter.rules.refusals import advice_for

_OWN = "runtime.modules.own"


@dataclass(frozen=True)
class Places:
    code: str
    function: Function

    def own(self, node: ast.expr) -> Substitution:
        message = f"`{ast.unparse(node)}`, which is placed several times, is given an instance for this place"
        return Substitution(self.code, self.function, node, _OWN, message, wraps=True)

    def made_again(self, node: ast.expr, expression: ast.expr) -> Substitution:
        code = ast.unparse(expression) if expression.lineno != expression.end_lineno else self._text(expression)
        message = f"`{ast.unparse(node)}`, which is placed several times, is made again as `{code}`"
        return Substitution(self.code, self.function, node, code, message, is_code=True)

    def repeated(self, node: ast.BinOp, member: ast.expr) -> Substitution:
        times = node.right if isinstance(node.left, ast.List) else node.left
        code = f"[{self._text(member)} for _ in range({self._text(times)})]"
        message = f"`{ast.unparse(node)}`, one instance many times, becomes `{code}`"
        return Substitution(self.code, self.function, node, code, message, is_code=True)

    def _text(self, node: ast.expr) -> str:
        return self.function.file.source.segment(node)

    def stays(self, node: ast.expr, made: str | Class) -> Refusal:
        name = made.node.name if isinstance(made, Class) else made.removeprefix("torch.")
        message = f"one {name} is placed several times, and may hold what all of these places share"
        return Refusal("RW905", message, self.function.file.source.span(node), advice_for("RW905"))
