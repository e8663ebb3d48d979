"""Whether the code of a file has to do with objects of a class that it names, or only with the class itself."""

from __future__ import annotations

import ast
from collections.abc import Container

from rewriter.python.code import File
from rewriter.python.trees import children, walk

_DISPLAYS = (ast.List, ast.Set, ast.Dict, ast.Tuple)


def deals_with(file: File, name: str, variables: set[str]) -> bool:
    """Whether something in the file makes, annotates or takes objects of the class of that name.

    A table of classes, and a question whether some other variable than these holds one, says nothing of them.
    """
    waiting: list[tuple[ast.AST, bool]] = [(file.source.tree, False)]
    while waiting:
        node, is_aside = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if _names(node, name) and not is_aside:
            return True
        waiting += [(child, is_aside or _is_aside(node, child, variables)) for child in children(node)]
    return False


def only_calls(file: File, names: Container[str | None]) -> bool:
    """Whether the file does nothing more with the classes of these full names than to call them."""
    nodes = walk(file.source.tree)
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    named = (node for node in nodes if isinstance(node, ast.Name | ast.Attribute) and id(node) not in called)
    return not any(file.names.full_name(node) in names for node in named)


def _names(node: ast.AST, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)


def _is_aside(node: ast.AST, child: ast.AST, variables: set[str]) -> bool:
    """Whether what stands in `child` is a member of a table, or is compared with something else."""
    if isinstance(node, _DISPLAYS):
        return isinstance(child, ast.Name | ast.Attribute)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
        return child is not node.args[0] and not _says(node.args[0], variables)
    return isinstance(node, ast.Compare) and not any(_says(part, variables) for part in children(node))


def _says(node: ast.AST, variables: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in variables for n in ast.walk(node))
