"""Which function is meant where code hands one to `self.apply`, or calls one with a module of its own."""

from __future__ import annotations

import ast

from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import Hierarchy, own_name
from rewriter.python.trees import walk


def function_meant(hierarchy: Hierarchy, cls: Class, method: Function, node: ast.expr) -> Function | Class | None:
    """The method of the object, or the function of the method or the project, that an expression names."""
    if isinstance(node, ast.Attribute):
        owner = _owner(hierarchy, cls, method, node)
        return owner.methods[node.attr] if owner is not None else _named(hierarchy, method, node)
    if not isinstance(node, ast.Name):
        return None
    if node.id == method.node.name and node.id in method.shadowed:
        return method  # a function inside of another one, which comes back to itself
    inside = [n for n in walk(method.node) if isinstance(n, ast.FunctionDef) and n.name == node.id]
    if inside:
        return Function(inside[0], method.file, method.shadowed | method.locals)
    return method.file.functions.get(node.id) or _named(hierarchy, method, node)


def _named(hierarchy: Hierarchy, method: Function, node: ast.expr) -> Function | Class | None:
    name = method.name_inside(node)
    return None if name is None else hierarchy.project.find(name)


def _owner(hierarchy: Hierarchy, cls: Class, method: Function, node: ast.Attribute) -> Class | None:
    """The class whose method `self.name`, `Net.name` or `super().name` is, for an object of `cls`."""
    line, asked, around = hierarchy.lineage(cls).project, ast.unparse(node.value), method.owner or cls
    if asked not in (own_name(method), around.node.name, "super()"):
        return None
    if asked != own_name(method):
        if around not in line:
            return None
        line = line[line.index(around) + (asked == "super()") :]
    return next((owner for owner in line if node.attr in owner.methods), None)
