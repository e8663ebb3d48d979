"""Whether a function that is handed to another is only asked for what it is called, and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.python.code import Function
from rewriter.python.project import Project
from rewriter.python.trees import children, walk

_NAMES = frozenset({"__name__", "__qualname__", "__module__", "__class__", "__doc__"})
_OF_ATTRIBUTES = frozenset({"hasattr", "getattr", "setattr"})
_KINDS = frozenset({"isinstance", "type", "callable", "id"})


def only_asked(project: Project, function: Function) -> Iterator[ast.expr]:
    """What the function hands to functions of the project that only ask it, as `log_usage(block)` does in `block`.

    And where it keeps something on itself: `if not hasattr(gelu, "scale"): gelu.scale = ...`.
    """
    for statement in function.node.body:
        for node in walk(statement):
            yield from _kept_on(node)
            if isinstance(node, ast.Call) and not node.keywords:
                yield from _only_asked_in(project, function, node)


def _kept_on(node: ast.AST) -> Iterator[ast.expr]:
    """`function.scale`, `hasattr(function, "scale")`"""
    if isinstance(node, ast.Attribute) and not node.attr.startswith("__"):
        yield node.value
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in _OF_ATTRIBUTES and len(node.args) > 1:
        name = node.args[1].value if isinstance(node.args[1], ast.Constant) else "__"
        if isinstance(name, str) and not name.startswith("__"):
            yield node.args[0]


def _only_asked_in(project: Project, function: Function, call: ast.Call) -> Iterator[ast.expr]:
    name = function.name_inside(call.func)
    callee = project.find(name) if name is not None else None
    if isinstance(callee, Function) and callee.is_free and not callee.node.decorator_list:
        spec = callee.node.args
        parameters = [*spec.posonlyargs, *spec.args]
        for argument, parameter in zip(call.args, parameters, strict=False):
            if isinstance(argument, ast.Starred):
                return
            if _only_asks(callee, parameter.arg):
                yield argument


def _only_asks(function: Function, parameter: str) -> bool:
    said = [n for s in function.node.body for n in walk(s) if isinstance(n, ast.Name) and n.id == parameter]
    asked = {id(n) for s in function.node.body for node in walk(s) for n in _asked(node)}
    return all(isinstance(name.ctx, ast.Load) and id(name) in asked for name in said)


def _asked(node: ast.AST) -> Iterator[ast.AST]:
    """`function.__name__`, `isinstance(function, FunctionType)`"""
    if isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _KINDS:
        yield from children(node)
