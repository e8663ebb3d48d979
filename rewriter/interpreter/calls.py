"""Evaluates calls: what is called, with what, and what the value that it is says to it."""

from __future__ import annotations

import ast

from rewriter.interpreter.global_names import meaning
from rewriter.interpreter.machine import Machine
from rewriter.interpreter.supers import base_method, super_method, torch_base
from rewriter.torch_api import modules
from rewriter.values.base import UNKNOWN, Call, Value
from rewriter.values.function_table import FunctionTable
from rewriter.values.modules import TorchModule
from rewriter.values.target import Target


def call(machine: Machine, node: ast.Call) -> Value:
    context = machine.context
    if (upper := super_method(context, node)) is not None:
        if upper.is_static:
            machine.note_function_call(node, upper)
        elif context.of_plain:
            return machine.call_value(machine.upper_of_plain(upper), _given(machine, node))
        return machine.run_function(Target(upper, context.cls), _given(machine, node))
    if (explicit := base_method(context, node)) is not None:
        return machine.run_function(Target(explicit, context.cls, is_given=True), _given(machine, node))
    if (base := torch_base(context, node)) is not None:
        if modules.is_one_operation(base):
            machine.note_any_operation(node)
        return TorchModule(base).result(machine, _given(machine, node))
    if isinstance(node.func, ast.Attribute) and not _is_global(machine, node.func):
        receiver = machine.evaluate(node.func.value)
        given = _given(machine, node)
        machine.notes.comes_to(node)
        found = receiver.method(machine, given, node.func)
        machine.notes.called_on_another(node)
        machine.notes.handed_modules(given)
        return UNKNOWN if found is None else found
    callee = _called(machine, node.func)
    given = _given(machine, node)
    machine.note_part_call(node, callee)
    machine.notes.comes_to(node)
    found = machine.call_value(callee, given)
    machine.notes.called_otherwise(node, callee)
    machine.notes.handed_modules(given, callee)
    return found


def _is_global(machine: Machine, func: ast.Attribute) -> bool:
    """A function by its full name, and no method of a table."""
    is_named = bool(machine.global_name(func))
    return is_named and not isinstance(meaning(machine.known, machine.function, func.value), FunctionTable)


def _called(machine: Machine, func: ast.expr) -> Value:
    is_global = isinstance(func, ast.Attribute)
    return meaning(machine.known, machine.function, func) if is_global else machine.evaluate(func)


def _given(machine: Machine, node: ast.Call) -> Call:
    """Every argument's value, evaluated in written order."""
    written = sorted([*node.args, *(k.value for k in node.keywords)], key=lambda a: (a.lineno, a.col_offset))
    return Call(node, {argument: machine.evaluate(argument) for argument in written})
