"""The texts that code looks for in the names of modules' classes: `if "Conv" in type(m).__name__`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.python.code import File
from rewriter.python.stated_names import attribute_read
from rewriter.python.trees import children, walk

_LOOKING = frozenset({"find", "rfind", "index", "rindex", "count", "startswith", "endswith"})
_TEXTS = (ast.Attribute, ast.Subscript, ast.JoinedStr, ast.FormattedValue, ast.BinOp, ast.IfExp)
Above = tuple[ast.AST, ...]


def texts_compared(file: File) -> Iterator[str]:
    """What a new module's class must not be called by; what is only said, as in an error message, decides nothing."""
    for node in _comparing(file):
        constants = (n.value for n in walk(node) if isinstance(n, ast.Constant))
        yield from (text for text in constants if isinstance(text, str) and text)


def attributes_compared(file: File) -> set[str]:
    """The attributes in which the names of classes are looked for: `type(m).__name__ in self.blocks`."""
    nodes = [n for node in _comparing(file) for n in walk(node)]
    names = {n.id for n in nodes if isinstance(n, ast.Name)}
    for statement in walk(file.source.tree) if nodes else ():
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id in names for t in statement.targets
        ):
            nodes.append(statement.value)
    return {name for name in map(attribute_read, nodes) if name is not None}


def _comparing(file: File) -> Iterator[ast.AST]:
    """What compares the name of a class."""
    if "__name__" not in file.words and "__name__" not in file.source.text:
        return
    tree = file.source.tree
    asking = [n for n in walk(tree) if isinstance(n, ast.Compare) or _looks(n)]
    names, seen = set[str](), set(map(id, asking))
    for above in _reads(tree, ()):
        if any(id(node) in seen or isinstance(node, ast.Raise) for node in above):
            continue
        if (stored := _stored_in(above)) is not None:
            names.add(stored)
        elif not _is_said(above):
            names = {n.id for node in asking for n in walk(node) if isinstance(n, ast.Name)}
            break
    for node in asking:
        if any(_is_read(n) or (isinstance(n, ast.Name) and n.id in names) for n in walk(node)):
            yield node


def _looks(node: ast.AST) -> bool:
    """`name.find("Conv")`"""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKING


def _reads(node: ast.AST, above: Above) -> Iterator[Above]:
    """What stands around each place that reads the name of a class, the file's own `__name__` left out."""
    given = isinstance(node, ast.Attribute) or (bool(above) and isinstance(above[-1], ast.Call))
    if given and _is_read(node):  # `getattr(type(m), "__name__")`; a text elsewhere asks for nothing
        yield above
    for child in children(node):
        yield from _reads(child, (*above, node))


def _is_read(node: ast.AST) -> bool:
    is_attribute = isinstance(node, ast.Attribute) and node.attr == "__name__"
    return is_attribute or (isinstance(node, ast.Constant) and node.value == "__name__")


def _stored_in(above: Above) -> str | None:
    """The variable that `name = type(m).__name__.lower()` sets, in which others may look for a text."""
    statement = next((node for node in reversed(above) if isinstance(node, ast.stmt)), None)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, between = statement.targets[0], above[above.index(statement) + 1 :]
    is_text = all(isinstance(node, _TEXTS) or _is_method(node) for node in between)
    return target.id if isinstance(target, ast.Name) and is_text else None


def _is_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def _is_said(above: Above) -> bool:
    """Part of a longer text, which somebody may read: `f"{type(self).__name__}: no such option"`."""
    return any(map(_makes_text, above))


def _makes_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return any(isinstance(part, ast.Constant | ast.JoinedStr) for part in (node.left, node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "format" and isinstance(node.func.value, ast.Constant)
    return isinstance(node, ast.JoinedStr)
