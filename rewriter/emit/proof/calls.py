"""Brings the calls of what was made, and the arguments that name it, back to the form of their sites."""

from __future__ import annotations

import ast

from rewriter.changes.change import NamedChange
from rewriter.emit.proof.owners import Makers, Undone
from rewriter.emit.proof.sites import common_form, new_arguments
from rewriter.python.trees import Transformer
from rewriter.sites.site import HandedModule


def undo_calls(scope: ast.AST, changes: list[NamedChange], makers: Makers) -> None:
    """Brings the calls of the declared attributes to the common form of their sites."""
    back = _TurnBack(changes, makers)
    back.generic_visit(scope)
    if back.names:
        raise Undone(f"{min(back.names)} is never called")


class _TurnBack(Transformer):
    def __init__(self, changes: list[NamedChange], makers: Makers) -> None:
        self.makers = makers
        self.names: dict[str, list[NamedChange]] = {}
        """The changes that are still to be found, by the name of what they call; those of one list have one name."""
        for named in changes:
            self.names.setdefault(named.name, []).append(named)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node  # a class inside the class has attributes of its own

    def _without_method(self, func: ast.Attribute) -> ast.expr:
        """`self.add.add` -> `self.add`, where the change calls that method."""
        holder = func.value
        while isinstance(holder, ast.Subscript):
            holder = holder.value
        named = self.names.get(holder.attr) if isinstance(holder, ast.Attribute) else None
        return func.value if named is not None and named[0].change.method == func.attr else func

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if (named := self._handed(node)) is not None:
            return common_form(named, {"_0": node.args[0]})
        func = node.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute | ast.Subscript):
            func = self._without_method(func)
        named = self._found(func, handed=False)
        if named is not None and isinstance(named.node, ast.Attribute) and len(node.args) != 1:
            raise Undone(f"{named.name} is not given one method")
        return node if named is None else common_form(named, new_arguments(named.change, node, self.makers[named.name]))

    def _handed(self, node: ast.Call) -> NamedChange | None:
        """`runtime.modules.handed(self.bias, self.bias2[i])`"""
        is_handed = len(node.args) == 2 and ast.unparse(node.func).endswith("modules.handed")
        return self._found(node.args[1], handed=True) if is_handed else None

    def _found(self, func: ast.expr, handed: bool) -> NamedChange | None:
        """The change whose module the expression is, which is not waited for any more."""
        counters = list[str]()
        while isinstance(func, ast.Subscript):
            counters.insert(0, ast.unparse(func.slice))
            func = func.value
        if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.attr in self.names):
            return None
        waiting, receiver = self.names[func.attr], func.value.id
        fitting = (n for n in waiting if n.change.receiver == receiver and n.change.indices == counters)
        named = next((n for n in fitting if isinstance(n.change.site, HandedModule) is handed), None)
        if named is None:
            return None
        self.names[func.attr] = [other for other in waiting if other is not named]
        if not self.names[func.attr]:
            del self.names[func.attr]
        return named
