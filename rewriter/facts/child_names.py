"""Code that goes through the names of children, and what it asks of them."""

from __future__ import annotations

import ast

from rewriter.facts.code import FunctionNode
from rewriter.facts.trees import walk

_OF_COLLECTIONS = frozenset({"set", "list", "tuple", "frozenset", "sorted", "len", "str"})


def runs_over_names(node: ast.expr) -> bool:
    """`tuple(self._modules)`, `self._modules.keys()`"""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        node = node.args[0]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        node = node.func.value
    return isinstance(node, ast.Attribute) and node.attr == "_modules"


def beginnings(call: ast.Call) -> list[str]:
    """The texts that `name.startswith(...)` asks for."""
    given = call.args[0] if len(call.args) == 1 else None
    texts = given.elts if isinstance(given, ast.Tuple) else [given]
    found = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
    return found if len(found) == len(texts) and all(found) else []


def keeps_end(node: ast.expr, name: str, function: FunctionNode) -> bool:
    """`f"{prefix}.{name}"`, `".".join([prefix, name])`, `name.removeprefix("model.")`: the child's name at the end.

    A new child has a name, so that `... if name else ""` is what stands before the `if`.
    """
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, ast.IfExp):
        is_asked = ast.unparse(node.test) in (name, f"len({name}) > 0", f"{name} != ''")
        return is_asked and keeps_end(node.body, name, function)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _ends_with_dot(node.left, function) and keeps_end(node.right, name, function)
    if isinstance(node, ast.JoinedStr) and len(node.values) > 1:
        last = node.values[-1]
        if not isinstance(last, ast.FormattedValue) or last.format_spec is not None or last.conversion != -1:
            return False
        return keeps_end(last.value, name, function) and _ends_with_dot(node.values[-2], function)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) != 1:
        return False
    given = node.args[0]
    if node.func.attr == "join" and isinstance(given, ast.List | ast.Tuple) and given.elts:
        return _ends_with_dot(node.func.value, function) and keeps_end(given.elts[-1], name, function)
    of_name = node.func.attr == "removeprefix" and keeps_end(node.func.value, name, function)
    return of_name and _ends_with_dot(given, function)


def _ends_with_dot(node: ast.expr, function: FunctionNode) -> bool:
    if isinstance(node, ast.Name):
        values = _assigned(function, node.id) or []
        return bool(values) and not any(isinstance(v, ast.Name) or not _ends_with_dot(v, function) for v in values)
    if isinstance(node, ast.JoinedStr):
        return bool(node.values) and _ends_with_dot(node.values[-1], function)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _ends_with_dot(node.right, function)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".")


def is_handed_in(function: FunctionNode, own: str | None, name: str) -> bool:
    """Whether a variable holds only what a caller hands in, or what is computed from that alone."""
    parameters = {a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)} - {own}
    if (values := _assigned(function, name)) is None or not (values or name in parameters):
        return False
    return all(_is_computed_from(value, {*parameters, name}) for value in values)


def _assigned(function: FunctionNode, name: str) -> list[ast.expr] | None:
    """The values of a variable; None where it is bound otherwise, too, as by a loop."""
    nodes = list(walk(function))
    assignments = (n for n in nodes if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name))
    values = [n.value for n in assignments if len(n.targets) == 1 and ast.unparse(n.targets[0]) == name]
    stored = [n for n in nodes if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
    return values if len(stored) == len(values) else None


def _is_computed_from(value: ast.expr, known: set[str]) -> bool:
    names = [n for n in walk(value) if isinstance(n, ast.Name)]
    bound = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return all(n.id in known | bound | _OF_COLLECTIONS for n in names)
