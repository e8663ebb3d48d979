"""Code that goes through the names of children, and what it asks of them."""

from __future__ import annotations

import ast


def runs_over_names(node: ast.expr) -> bool:
    """`tuple(self._modules)`, `self._modules.keys()`"""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        node = node.args[0]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        node = node.func.value
    return isinstance(node, ast.Attribute) and node.attr == "_modules"


def beginnings(call: ast.Call) -> list[str]:
    """The texts that `name.startswith(...)` asks for."""
    given = call.args[0] if len(call.args) == 1 else None
    texts = given.elts if isinstance(given, ast.Tuple) else [given]
    found = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
    return found if len(found) == len(texts) and all(found) else []
