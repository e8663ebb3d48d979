"""The classes that code asks for: `isinstance(m, nn.Linear)`, `isinstance(m, LAYERS)`, `type(m) in (A, B)`."""

from __future__ import annotations

import ast

from rewriter.python.code import Function
from rewriter.python.function_tables import find_variable
from rewriter.python.project import Project
from rewriter.python.ready_names import imported_inside
from rewriter.python.trees import assigned_once


def names_asked(project: Project, function: Function, wanted: ast.expr) -> list[str | None]:
    """The full names of the classes that an expression of the function stands for; None for what is not known."""
    if (members := members_of(wanted)) is not None:
        return [name for member in members for name in names_asked(project, function, member)]
    if (imported := imported_inside(function, wanted)) is not None:
        # what looks for these classes in the whole file sees no import that stands inside of a function
        return [None] if imported.startswith(("torch.", "runtime.")) else [imported]
    if isinstance(wanted, ast.Name) and wanted.id in function.locals:
        made = assigned_once(function.node, wanted.id)
        is_display = made is not None and members_of(made) is not None
        return names_asked(project, function, made) if made is not None and is_display else [None]
    name = function.name_inside(wanted)
    return [None] if name is None else list(names_behind(project, name))


def names_behind(project: Project, name: str) -> list[str | None]:
    """The class itself, or those in the tuple that a variable at module level holds."""
    variable = find_variable(project, name) if project.find(name) is None else None
    if variable is None:
        return [name]
    file, made = variable
    members = members_of(made)
    return [None] if members is None else [file.names.full_name(member) for member in members]


def members_of(wanted: ast.expr) -> list[ast.expr] | None:
    """The members of `(A, B)` and of `A | B`; None for what is neither."""
    if isinstance(wanted, ast.Tuple | ast.List | ast.Set):
        return None if any(isinstance(member, ast.Starred) for member in wanted.elts) else wanted.elts
    return [wanted.left, wanted.right] if isinstance(wanted, ast.BinOp) and isinstance(wanted.op, ast.BitOr) else None
