"""What a condition says of variables on either side of it."""

from __future__ import annotations

import ast

from rewriter.interpreter.machine import Machine
from rewriter.python.type_names import TypeNames
from rewriter.values.annotations import from_annotation
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.functions import SomeFunction
from rewriter.values.one_of import join_all
from rewriter.values.plain import NONE, Nothing, Number, String
from rewriter.values.tensor import ASSUMED, TENSOR, Tensor


def narrow(machine: Machine, test: ast.expr, holds: bool) -> None:
    """What `isinstance(x, Tensor)` and `x is None` say of x."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        narrow(machine, test.operand, not holds)
    elif isinstance(test, ast.BoolOp):
        _narrow_several(machine, test, holds)
    elif isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "callable":
        if not holds and test.args and isinstance(test.args[0], ast.Name):
            _narrow_to_others(machine, test.args[0].id)
    elif isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance":
        if len(test.args) == 2 and isinstance(test.args[0], ast.Name):
            _narrow_type(machine, test.args[0].id, test.args[1], holds)
    elif isinstance(test, ast.Call) and machine.global_name(test.func) == "torch.is_tensor":
        if len(test.args) == 1 and isinstance(test.args[0], ast.Name):
            _narrow_to(machine, test.args[0].id, [TENSOR], holds)
    elif isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.Name):
        is_none = isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value is None
        if is_none and isinstance(test.ops[0], ast.Is | ast.IsNot):
            _narrow_none(machine, test.left.id, holds == isinstance(test.ops[0], ast.Is))


def _narrow_several(machine: Machine, test: ast.BoolOp, holds: bool) -> None:
    """All of `a and b` hold where it does; where it does not, one of them fails, whichever."""
    if isinstance(test.op, ast.And) == holds:
        for operand in test.values:
            narrow(machine, operand, holds)
        return
    variables = machine.context.state.variables
    ways = []
    for operand in test.values:
        machine.context.state.variables = dict(variables)
        narrow(machine, operand, holds)
        ways.append(machine.context.state.variables)
    machine.context.state.variables = {name: join_all([way[name] for way in ways]) for name in variables}


def _narrow_to_others(machine: Machine, name: str) -> None:
    """What is not callable is not a function."""
    if (current := machine.context.state.variables.get(name)) is not None:
        machine.context.state.variables[name] = current.without(SomeFunction)


def _narrow_type(machine: Machine, name: str, types: ast.expr, holds: bool) -> None:
    classes = types.elts if isinstance(types, ast.Tuple) else [types]
    names = TypeNames.of(machine.known.project, machine.function)
    found = [from_annotation(c, names) for c in classes]
    known = [f for f in found if f is not None]
    if len(known) == len(found):
        _narrow_to(machine, name, known, holds)


def _narrow_to(machine: Machine, name: str, types: list[Value], holds: bool) -> None:
    if (current := machine.context.state.variables.get(name)) is not None:
        machine.context.state.variables[name] = _of_types(current, types) if holds else _of_none(current, types)


def _of_types(current: Value, types: list[Value]) -> Value:
    better = join_all(types)
    fits = current.is_only(*(part.family for part in better.parts))
    return current if fits and not current.assumed else better


def _of_none(current: Value, types: list[Value]) -> Value:
    families = tuple(part.family for part in join_all(types).parts)
    if not current.is_only(*families):
        return current.without(*families)
    # A parameter is given something else than its default, and a tensor is often only taken for one.
    return UNKNOWN if current.is_only(String, Number, Tensor) else current


def _narrow_none(machine: Machine, name: str, is_none: bool) -> None:
    variables = machine.context.state.variables
    current = variables.get(name)
    if current is None:
        return
    if is_none:
        variables[name] = NONE
    elif current.may_be(Nothing):
        rest = current.without(Nothing)
        variables[name] = rest if rest.known or not current.known else ASSUMED
