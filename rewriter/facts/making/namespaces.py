"""Files that go through what they define, and would meet one more class or one that has become a module."""

from __future__ import annotations

import ast

from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.project import Project
from rewriter.python.trees import walk

# What returns the names of a file as a dict or list.
_NAMESPACES = frozenset({"globals", "vars", "dir", "locals"})
_MEETS = Question[File, bool]("does code go through all names that the file has?")
_STAR = r"import[ \t]*\(?[ \t]*\*"


def meets_new_names(project: Project, file: File) -> bool:
    """Whether the file goes through its names, or another one that takes all of them by a star import."""

    def find() -> bool:
        others = (other for other in project.files_matching(_STAR) if goes_through_names(other))
        return goes_through_names(file) or any(_takes_all(project, o, file, frozenset()) for o in others)

    return project.answers.found(_MEETS, file, find)


def _takes_all(project: Project, taker: File, file: File, seen: frozenset[str]) -> bool:
    modules = {star: project.module(star) for star in taker.names.stars if star not in seen}
    further = seen | modules.keys()
    return any(
        found is not None and (found is file or _takes_all(project, found, file, further)) for found in modules.values()
    )


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
            listed.discard(id(_without_keys(node.comparators[0])))
        elif isinstance(node, ast.FunctionDef):  # `vars()` and `dir()` are the function's own names there
            listed -= {id(n) for n in walk(node) if isinstance(n, ast.Call) and ast.unparse(n.func) != "globals"}
    return bool(listed)


def _without_keys(names: ast.expr) -> ast.expr:
    """`globals()` of `name in globals().keys()`"""
    takes_keys = isinstance(names, ast.Call) and isinstance(names.func, ast.Attribute) and names.func.attr == "keys"
    return names.func.value if takes_keys else names  # type: ignore[attr-defined]
