"""Statements and expressions that make modules, as they are written."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from rewriter.python.code import Function
from rewriter.python.trees import named_parameters, walk


def is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def variables_made(statements: Iterable[ast.AST]) -> Iterator[tuple[str, ast.Assign]]:
    """Every `name = Made(...)`, or a choice between such calls."""
    for statement in statements:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            makes = all(isinstance(value, ast.Call) for value in alternatives(statement.value))
            if isinstance(target, ast.Name) and makes:
                yield target.id, statement


def bound_once(function: Function, name: str) -> bool:
    """Whether a variable is set in one place, and is no parameter."""
    stored = [n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == name and is_stored(n)]
    spec = function.node.args
    given = {a.arg for a in named_parameters(spec)}
    return len(stored) == 1 and name not in given and name in function.locals


def parameters_set(function: Function) -> Iterator[tuple[str, ast.Assign]]:
    """Parameters that may be None, with the one assignment that puts something in their place then."""
    for name, default in function.defaults.items():
        if isinstance(default, ast.Constant) and default.value is None and name in function.words:
            stored = [n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == name and is_stored(n)]
            assigned = (s for s in walk(function.node) if isinstance(s, ast.Assign) and s.targets == stored)
            yield from ((name, statement) for statement in assigned)


def parameters_kept(init: Function) -> Iterator[str]:
    """The parameters of a constructor that remain what they were given, or a default that is no object made once."""
    stored = {n.id for n in walk(init.node) if isinstance(n, ast.Name) and is_stored(n)}
    for argument in [*init.node.args.args, *init.node.args.kwonlyargs][1:]:
        if argument.arg not in stored and not isinstance(init.defaults.get(argument.arg), ast.Call):
            yield argument.arg


def calls_among(value: ast.expr) -> list[ast.expr]:
    """The calls in `act or Made()`, `Made() if act is None else act`."""
    parts = value.values if isinstance(value, ast.BoolOp) else alternatives(value)
    return [part for part in parts if isinstance(part, ast.Call)]


def attributes_made(statements: Iterable[ast.stmt], own: str) -> Iterator[tuple[str, ast.Assign]]:
    """Every `self.name = Made(...)`."""
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == own:
                yield target.attr, statement


def alternatives(value: ast.expr) -> list[ast.expr]:
    if isinstance(value, ast.IfExp):
        return [*alternatives(value.body), *alternatives(value.orelse)]
    return [value]


def picks_of_torch(value: ast.expr, full_name: Callable[[ast.expr], str | None]) -> bool:
    """`getattr(nn, activation)()`: an object of whichever class of torch.nn has that name."""
    if not isinstance(value, ast.Call) or not isinstance(picks := value.func, ast.Call):
        return False
    if ast.unparse(picks.func) != "getattr" or len(picks.args) != 2:
        return False
    home = f"{full_name(picks.args[0])}."
    return not value.args and (home == "torch.nn." or home.startswith("torch.nn.modules."))


def member_of_product(product: ast.BinOp) -> ast.Call | None:
    """The call in `[call] * n`, on one line."""
    display = product.left if isinstance(product.left, ast.List) else product.right
    members = display.elts if isinstance(display, ast.List) else []
    is_call = len(members) == 1 and isinstance(members[0], ast.Call) and product.lineno == product.end_lineno
    return members[0] if is_call and isinstance(members[0], ast.Call) else None
