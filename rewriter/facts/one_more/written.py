"""What files write down once and for all: `STYLES = ("free", "keep")`."""

from __future__ import annotations

import ast

from rewriter.facts.code import Function
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.one_more.things import SAME, Const, Pair, Value
from rewriter.facts.tables import assigned_once


def written(hierarchy: Hierarchy, function: Function, node: ast.Name) -> Value:
    """The constant, or the tuple of constants, that a name outside of the function means."""
    module, _, name = (function.global_name(node) or "").rpartition(".")
    file = hierarchy.project.module(module) if module else None
    if file is None:
        return SAME
    value = assigned_once(file).get(name)
    if any(isinstance(n, ast.Global) and name in n.names for n in ast.walk(file.source.tree)):
        return SAME
    if isinstance(value, ast.Tuple) and all(isinstance(item, ast.Constant) for item in value.elts):
        return Pair(tuple(map(_constant, value.elts)))
    return _constant(value)


def _constant(node: ast.expr | None) -> Value:
    return Const(node.value) if isinstance(node, ast.Constant) and node.value is not ... else SAME
