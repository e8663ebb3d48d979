"""Tables of an object's modules by name, out of which code only takes those whose names it has from elsewhere."""

from __future__ import annotations

import ast

from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.trees import children, walk


def is_only_looked_up(hierarchy: Hierarchy, method: Function, walked: ast.Call) -> bool:
    """`dict(self.named_modules())[name]`, there or in the function that is handed the walk."""
    if _becomes_table(method, walked):
        return True
    for call in walk(method.node):
        if isinstance(call, ast.Call) and walked in call.args:
            name = method.name_inside(call.func)
            found = hierarchy.project.find(name) if name is not None else None
            function = hierarchy.lineage(found).constructor if isinstance(found, Class) else found
            if isinstance(function, Function):
                return _takes_table(function, call.args.index(walked), isinstance(found, Class))
    return False


def _takes_table(function: Function, place: int, is_constructor: bool) -> bool:
    parameters = [*function.node.args.posonlyargs, *function.node.args.args][is_constructor:]
    if place >= len(parameters):
        return False
    read = [n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == parameters[place].arg]
    return bool(read) and all(_becomes_table(function, node) for node in read)


def _becomes_table(function: Function, walked: ast.expr) -> bool:
    """Whether a variable holds the pairs as a dict, of which nothing is done but to take something out."""
    for statement in walk(function.node):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and _is_table(statement.value, walked):
            target = statement.targets[0]
            return isinstance(target, ast.Name) and _is_only_subscripted(function, target)
    return False


def _is_table(value: ast.expr, walked: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) == "dict" and value.args == [walked] and not value.keywords
    if not isinstance(value, ast.DictComp) or value.generators[0].iter is not walked or len(value.generators) > 1:
        return False
    target, conditions = value.generators[0].target, value.generators[0].ifs
    pair = target.elts if isinstance(target, ast.Tuple) else []
    return not conditions and [ast.unparse(n) for n in pair] == [ast.unparse(value.key), ast.unparse(value.value)]


def _is_only_subscripted(function: Function, table: ast.Name) -> bool:
    parents = {child: node for node in walk(function.node) for child in children(node)}
    named = [n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == table.id and n is not table]
    return all(
        isinstance(parent := parents[name], ast.Subscript) and parent.value is name and isinstance(parent.ctx, ast.Load)
        for name in named
    )
