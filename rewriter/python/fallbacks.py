"""Names that a file imports, and binds to None where there is nothing to import."""

from __future__ import annotations

import ast

from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.names import canonical
from rewriter.python.trees import walk

_IMPORTED = Question[str, "str | None"]("what does the name stand for, where it is not None?")


def imported_or_none(file: File, name: str) -> str | None:
    """The full name of `scaled` in a file with `except ImportError: scaled = None`; None for any other name."""
    bindings, own = file.names.bindings.get(name, set()), file.names.own(name)
    if own not in bindings or len(bindings) != 2:
        return None

    def find() -> str | None:
        (imported,) = bindings - {own}
        return canonical(imported) if imported and _is_only_none(file, name) else None

    return file.answers.found(_IMPORTED, name, find)


def _is_only_none(file: File, name: str) -> bool:
    """Whether all that the file itself binds to the name is None."""
    nodes = list(walk(file.source.tree))
    stored = {n for n in nodes if isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load)}
    targets = {target for n in nodes if isinstance(n, ast.Assign) and _is_none(n.value) for target in n.targets}
    defined = any(
        isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.name == name for n in nodes
    )
    return bool(stored) and stored <= targets and not defined


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
