"""Names that begin with two underscores mean another one inside of a class: `self.__act` is `self._Net__act`.

Python's compiler puts the class's name before them; so does this, and nobody else has to know of it. What one class
calls `__act` is another attribute than what a class below calls so. The longer name means the same inside of the class.
"""

from __future__ import annotations

import ast
import re

_NAMING = frozenset({"id", "attr", "name", "arg"})
_PRIVATE = re.compile(r"\b__\w*[^\W_]\w*\b")


def with_full_names(tree: ast.Module, text: str) -> ast.Module:
    """The tree, changed in place, where the text has any such name."""
    if "__" in text and any(_is_private(name) for name in _PRIVATE.findall(text)):
        _Mangling().visit(tree)
    return tree


def spellings(name: str) -> list[str]:
    """How a text may say the name: as it is, or inside of a class without what stands before two underscores."""
    inner = [name[at:] for at in range(2, len(name)) if name.startswith("__", at)] if name.startswith("_") else []
    return [name, *filter(_is_private, inner)]


def _is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__") and "." not in name


class _Mangling(ast.NodeVisitor):
    def __init__(self) -> None:
        self._class = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for around in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(around)
        outer, inner = self._class, node.name.lstrip("_")
        node.name, self._class = self._full(node.name), inner
        for statement in node.body:
            self.visit(statement)
        self._class = outer

    def generic_visit(self, node: ast.AST) -> None:
        for field, value in ast.iter_fields(node) if self._class else ():
            if field in _NAMING and isinstance(value, str) and not isinstance(node, ast.alias | ast.keyword):
                setattr(node, field, self._full(value))
            elif field == "names" and isinstance(node, ast.Global | ast.Nonlocal):
                node.names = [self._full(name) for name in node.names]
        super().generic_visit(node)

    def _full(self, name: str) -> str:
        return f"_{self._class}{name}" if self._class and _is_private(name) else name
