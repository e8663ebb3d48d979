"""Modules that a forward makes itself: in the place of the call, or in a variable."""

from __future__ import annotations

import ast

from rewriter.interpreter.context import Context
from rewriter.interpreter.global_names import meaning
from rewriter.python.trees import assigned_once
from rewriter.values.classes import SomeClass


def maker_here(context: Context, callee: ast.expr) -> ast.Call | None:
    """The call of a class by which the function has made what it calls."""
    if context.sets_up:
        return None
    is_variable = isinstance(callee, ast.Name) and callee.id in context.function.locals
    made = assigned_once(context.function.node, callee.id) if is_variable and isinstance(callee, ast.Name) else callee
    if not isinstance(made, ast.Call):
        return None
    return made if isinstance(meaning(context.known, context.function, made.func), SomeClass) else None
