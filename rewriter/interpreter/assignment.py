"""Binds values to targets, taking tuples apart."""

from __future__ import annotations

import ast

from rewriter.interpreter.machine import Machine
from rewriter.values.base import Value
from rewriter.values.sequence import Sequence, sequence


def assign(machine: Machine, target: ast.expr, value: Value) -> None:
    if isinstance(target, ast.Name):
        machine.context.state.variables[target.id] = value
    elif isinstance(target, ast.Starred):
        assign(machine, target.value, sequence(value.member()))
    elif isinstance(target, ast.Tuple | ast.List):
        _take_apart(machine, target, value)
    elif isinstance(target, ast.Attribute):
        machine.evaluate(target.value)
        if machine.is_own(target.value):
            machine.store(target.attr, value)
    elif isinstance(target, ast.Subscript):
        machine.evaluate(target.value)
        index = machine.evaluate(target.slice)
        machine.written(machine.context.met.values[target.value], index, value)
        machine.widen(target.value, value)


def _take_apart(machine: Machine, target: ast.Tuple | ast.List, value: Value) -> None:
    items = value.items if isinstance(value, Sequence) else None
    starred = any(isinstance(element, ast.Starred) for element in target.elts)
    exact = items if items is not None and len(items) == len(target.elts) and not starred else None
    for index, element in enumerate(target.elts):
        assign(machine, element, value.member() if exact is None else exact[index])
