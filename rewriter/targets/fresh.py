"""Whether a tensor that is changed in place is held by one variable alone, so that a new one may take its place."""

from __future__ import annotations

import ast

from rewriter.python.trees import walk
from rewriter.rules.context import Context
from rewriter.sites.site import Site
from rewriter.torch_api import catalogue
from rewriter.torch_api.traits import Trait
from rewriter.values.modules import TorchModule

_NEW = Trait.WEIGHTED | Trait.NORMALIZATION


def is_fresh(site: Site, context: Context) -> bool:
    """`out = self.conv(x)`, perhaps `out = self.bn(out)`, and then `out += y`: nobody else has seen `out`."""
    node = site.node
    if not isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Name):
        return False
    name, block = node.target.id, _block(site.function.node, node)
    for statement in reversed(block[: block.index(node)]) if block else ():
        if not _mentions(statement, name):
            continue
        call = statement.value if isinstance(statement, ast.Assign) else None
        if not isinstance(statement, ast.Assign) or [ast.unparse(target) for target in statement.targets] != [name]:
            return False
        if isinstance(call, ast.Call) and _makes_new(call, site, context):
            return True
        passes_on = isinstance(call, ast.Call) and not call.keywords and [ast.unparse(a) for a in call.args] == [name]
        if not passes_on:
            return False
    return False


def _makes_new(call: ast.Call, site: Site, context: Context) -> bool:
    """A layer, or a function of torch that computes: never its input, and never a view of it."""
    func = call.func
    name = site.function.global_name(func)
    if name is not None:
        rows = [row for row, spelling in catalogue.by_spelling(name) if not spelling.inplace]
        return bool(rows) and not any(Trait.MOVE in row.traits for row in rows) and not call.keywords
    own = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == site.self_name
    if not own or context.cls is None or not isinstance(func, ast.Attribute):
        return False
    module = context.knowledge.attribute(context.cls, func.attr)
    row = catalogue.by_target(module.name) if isinstance(module, TorchModule) else None
    return row is not None and bool(row.traits & _NEW)


def _block(function: ast.AST, statement: ast.stmt) -> list[ast.stmt]:
    """The statements among which it stands."""
    for node in walk(function):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and statement in block:
                return block
    return []


def _mentions(statement: ast.stmt, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in walk(statement))
