"""What was taken out since nothing reads it any more: that nothing does, and the original without it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from rewriter.emit.proof.sites import key_of
from rewriter.emit.removal import Unused
from rewriter.python.trees import children, walk_anew

_Scope = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def still_read(old: ast.Module, new: ast.Module, unused: Iterable[Unused]) -> str | None:
    """A name that is read where it was bound: in the file, or in the function."""
    for found in unused:
        places: list[ast.AST] = [new]
        for name in _path(old, found.statement):
            places = [scope for place in places for scope in _scopes(place) if scope.name == name]
        if not places or any(isinstance(n, ast.Name) and n.id == found.name for p in places for n in walk_anew(p)):
            return found.name
    return None


def _path(tree: ast.AST, statement: ast.stmt) -> list[str]:
    """The names of the classes and functions around a statement, outermost first."""
    for scope in _scopes(tree):
        if scope.lineno <= statement.lineno <= (scope.end_lineno or scope.lineno):
            return [scope.name, *_path(scope, statement)]
    return []


def _scopes(node: ast.AST) -> Iterator[_Scope]:
    """The classes and functions right below one."""
    for child in children(node):
        if isinstance(child, _Scope):
            yield child
        else:
            yield from _scopes(child)


def remove(tree: ast.Module, unused: Iterable[Unused]) -> bool:
    """Takes the names out; False where one of them was bound by more than an import or a name of something."""
    gone: dict[tuple[object, ...], set[str]] = {}
    for found in unused:
        gone.setdefault(key_of(found.statement), set()).add(found.name)
    for node in walk_anew(tree) if gone else ():
        for block in (value for _, value in ast.iter_fields(node) if isinstance(value, list)):
            for statement in [s for s in block if isinstance(s, ast.stmt) and key_of(s) in gone]:
                if not _is_plain(statement):
                    return False
                _take(block, statement, gone[key_of(statement)])
    return True


def _is_plain(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    parts = walk_anew(value) if isinstance(value, ast.expr) else []
    return isinstance(statement, ast.Import | ast.ImportFrom) or (
        isinstance(statement, ast.Assign | ast.AnnAssign)
        and all(isinstance(part, ast.Name | ast.Attribute | ast.Tuple) for part in parts)
    )


def _take(block: list[ast.stmt], statement: ast.stmt, names: set[str]) -> None:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        kept = [a for a in statement.names if (a.asname or a.name.split(".")[0]) not in names]
        if kept:
            statement.names = kept
            return
    block.remove(statement)
