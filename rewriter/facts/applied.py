"""Which function is meant where code hands one to `self.apply`, or calls one with a module of its own."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import Hierarchy, own_name
from rewriter.facts.trees import walk


@dataclass(frozen=True)
class Applied:
    """A function that is run with a module."""

    function: Function
    parameter: str
    """What the module is called inside; empty where the call fails before anything is done."""


def applied_function(hierarchy: Hierarchy, cls: Class, method: Function, given: ast.expr) -> Applied | None:
    """What an expression means in a method of an object of `cls`; None where that is not known."""
    before, keywords = 0, list[ast.keyword]()
    if isinstance(given, ast.Call) and given.args and ast.unparse(given.func).endswith("partial"):
        before, keywords = len(given.args) - 1, given.keywords
        given = given.args[0]
    function = _meant(hierarchy, cls, method, given)
    parameter = None if function is None else _parameter(function, before, keywords)
    return None if function is None or parameter is None else Applied(function, parameter)


def _parameter(function: Function, before: int, keywords: list[ast.keyword]) -> str | None:
    """The name that the module is given to, behind as many positional arguments; None where it is not known."""
    spec = function.node.args
    parameters = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    takes = {*parameters, *(a.arg for a in spec.kwonlyargs)}
    if spec.kwarg is None and any(keyword.arg is not None and keyword.arg not in takes for keyword in keywords):
        return ""
    bound = 1 if function.owner is not None and own_name(function) else 0
    return parameters[bound + before] if len(parameters) > bound + before else None


def _meant(hierarchy: Hierarchy, cls: Class, method: Function, node: ast.expr) -> Function | None:
    """The method of the object, or the function of the file or of the method, that an expression names."""
    if isinstance(node, ast.Attribute):
        owner = _owner(hierarchy, cls, method, node)
        return None if owner is None else owner.methods[node.attr]
    if not isinstance(node, ast.Name):
        return None
    inside = [n for n in walk(method.node) if isinstance(n, ast.FunctionDef) and n.name == node.id]
    return Function(inside[0], method.file, method.shadowed) if inside else method.file.functions.get(node.id)


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
