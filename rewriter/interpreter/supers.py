"""What `super().name` and `Base.name(self)` mean in the class that a run is about."""

from __future__ import annotations

import ast

from rewriter.interpreter.context import Context
from rewriter.interpreter.notes import own_name_here
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name


def super_method(context: Context, node: ast.expr) -> Function | None:
    """The method that `super().name` means in the class of this run."""
    func = node.func if isinstance(node, ast.Call) else node
    if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call)):
        return None
    inner = func.value
    if not (isinstance(inner.func, ast.Name) and inner.func.id == "super") or context.cls is None:
        return None
    order = context.known.hierarchy.lineage(context.cls).project
    here = next((i for i, c in enumerate(order) if context.function in c.methods.values()), len(order))
    return next((c.methods[func.attr] for c in order[here + 1 :] if func.attr in c.methods), None)


def base_method(context: Context, node: ast.Call) -> Function | None:
    """The method that `Base.name(self, ...)` means."""
    func, own = node.func, node.args[0] if node.args else None
    if not isinstance(func, ast.Attribute) or not isinstance(own, ast.Name) or own.id != own_name_here(context):
        return None
    name = context.global_name(func.value)
    own_class = ast.unparse(func.value) in (f"type({own.id})", f"{own.id}.__class__")
    found = context.cls if own_class else context.known.project.find(name) if name else None
    if not isinstance(found, Class) or context.cls is None:
        return None
    hierarchy = context.known.hierarchy
    method = hierarchy.lineage(found).method(func.attr)
    is_above = found in hierarchy.lineage(context.cls).project
    return method if is_above and method is not None and own_name(method) is not None else None


def torch_base(context: Context, node: ast.Call) -> str | None:
    """The class of torch whose forward `super().forward(...)` runs, where no class of the project is before it.

    So does `nn.LayerNorm.forward(self, ...)`, which names it.
    """
    func, cls = node.func, context.cls
    if not isinstance(func, ast.Attribute) or func.attr != "forward" or cls is None:
        return None
    above = context.known.hierarchy.lineage(cls).torch
    if (named := context.global_name(func.value)) in above:
        own = node.args[0] if node.args else None
        return named if isinstance(own, ast.Name) and own.id == own_name_here(context) else None
    is_super = isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name)
    if not is_super or ast.unparse(func.value).partition("(")[0] != "super" or super_method(context, node):
        return None
    return next(iter(above)) if len(above) == 1 else None
