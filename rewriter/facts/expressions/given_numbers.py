"""Numbers that a function, or the constructor of its object, is given, and that have a default: `levels=4`.

A constructor may be given none as well: `levels=None`.
"""

from __future__ import annotations

import ast

from rewriter.python.code import Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk


def is_given_number(node: ast.AST, function: Function) -> bool:
    """`levels`, or `self.levels` where a constructor has put it there and no method changes it.

    It says how often the author means something to be done, and not how long an input is.
    """
    if isinstance(node, ast.Name):
        return _is_parameter(function, node.id)
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return False
    owner = function.owner
    if owner is None or node.value.id != own_name(function) or owner.constructor is None:
        return False
    stores = [n for n in walk(owner.node) if isinstance(n, ast.Assign) and _sets(n, node.attr)]
    if len(stores) != 1 or not isinstance(stores[0].value, ast.Name):
        return False
    name = stores[0].value.id
    return stores[0] in owner.constructor.node.body and _is_parameter(owner.constructor, name, may_be_none=True)


def _is_parameter(function: Function, name: str, may_be_none: bool = False) -> bool:
    default = function.defaults.get(name)
    is_number = isinstance(default, ast.Constant) and type(default.value) is int
    is_number = is_number or (may_be_none and isinstance(default, ast.Constant) and default.value is None)
    stored = (n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == name)
    return is_number and all(isinstance(n.ctx, ast.Load) for n in stored)


def _sets(node: ast.Assign, attribute: str) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == attribute for t in node.targets for n in walk(t))
