"""Whether a name that comes from another library can be read as soon as the file has been imported."""

from __future__ import annotations

import ast

from rewriter.python.answers import Question
from rewriter.python.code import File, Function
from rewriter.python.names import absolute_module, dotted
from rewriter.python.trees import walk

_ASKING = frozenset({"hasattr", "getattr"})
_ASKED_FOR = Question[None, list[list[str]]]("which names does the file ask for before it reads them?")


def is_at_hand(function: Function, node: ast.expr) -> bool:
    """Whether the path in the function can be read by any `__init__` of the file.

    An import in a branch may not have run, and an attribute that the file asks for first may not be there.
    """
    chain = dotted(node)
    if chain is None or chain[0] in function.locals or chain[0] in function.shadowed:
        return False
    if not _is_imported(function.file, chain[0]):
        return False
    return len(chain) == 1 or not (_is_asked_for(function.file, chain) or _is_tried(function, node))


def imported_inside(function: Function, node: ast.expr) -> str | None:
    """The full name of what an import inside the function calls so, and nothing else there does."""
    if not isinstance(node, ast.Name):
        return None
    imports = [s for s in walk(function.node) if isinstance(s, ast.ImportFrom)]
    found = [_full_name(function.file, s, a) for s in imports for a in s.names if (a.asname or a.name) == node.id]
    stored = any(isinstance(n, ast.Name) and n.id == node.id and not _is_read(n) for n in walk(function.node))
    return found[0] if len(found) == 1 and not stored else None


def _full_name(file: File, statement: ast.ImportFrom, imported: ast.alias) -> str:
    is_package = file.path.stem == "__init__"
    return f"{absolute_module(statement, file.module, is_package)}.{imported.name}"


def _is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _is_imported(file: File, name: str) -> bool:
    imports = (s for s in file.source.tree.body if isinstance(s, ast.Import | ast.ImportFrom))
    return any((a.asname or a.name.partition(".")[0]) == name for s in imports for a in s.names)


def _is_asked_for(file: File, chain: list[str]) -> bool:
    """`hasattr(library, "f")` where `library.f` is read, and `library.__version__`, which may decide about anything."""

    def find() -> list[list[str]]:
        nodes = walk(file.source.tree) if file.words & {*_ASKING, "__version__"} else ()
        return [path for node in nodes if (path := _asked(node))]

    return any(chain[: len(path)] == path for path in file.answers.found(_ASKED_FOR, None, find))


def _asked(node: ast.AST) -> list[str]:
    """The path of what the node asks for; of the holder, where it may be any attribute."""
    if isinstance(node, ast.Attribute) and node.attr == "__version__":
        return dotted(node.value) or []
    is_asking = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ASKING
    if not is_asking or not isinstance(node, ast.Call) or not node.args:
        return []
    name = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
    return [*(dotted(node.args[0]) or []), *([name] if isinstance(name, str) else [])]


def _is_tried(function: Function, node: ast.expr) -> bool:
    tries = (n for n in walk(function.node) if isinstance(n, ast.Try))
    return any(inner is node for each in tries for inner in walk(each))
