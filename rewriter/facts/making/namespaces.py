"""Files that go through what they define, and would meet one more class or one that has become a module."""

from __future__ import annotations

import ast

from rewriter.python.code import File
from rewriter.python.trees import walk

# What returns the names of a file as a dict or list.
_NAMESPACES = frozenset({"globals", "vars", "dir", "locals"})


def goes_through_names(file: File) -> bool:
    """`globals().items()`, `dir()`: more than the look-up of one name."""
    if not file.words & _NAMESPACES:
        return False
    calls = [n for n in walk(file.source.tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    listed = {id(n) for n in calls if n.func.id in _NAMESPACES and not n.args}  # type: ignore[attr-defined]
    for node in walk(file.source.tree):
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in ("get", "update")):
            listed.discard(id(node.value))
        elif (
            isinstance(node, ast.Compare) and len(node.comparators) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn)
        ):
            listed.discard(id(node.comparators[0]))
        elif isinstance(node, ast.FunctionDef):  # `vars()` and `dir()` are the function's own names there
            listed -= {id(n) for n in walk(node) if isinstance(n, ast.Call) and ast.unparse(n.func) != "globals"}
    return bool(listed)
