"""Runs statements: branches meet again, loops are run until nothing new is learnt. A function for each kind of node."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from rewriter.interpreter.assignment import assign
from rewriter.interpreter.binding import names_of
from rewriter.interpreter.machine import Machine
from rewriter.interpreter.narrowing import narrow
from rewriter.interpreter.state import merge
from rewriter.python.names import bound_names
from rewriter.python.trees import children
from rewriter.python.type_names import TypeNames
from rewriter.values.annotations import from_annotation, objects_annotated
from rewriter.values.base import UNKNOWN
from rewriter.values.functions import NestedFunction
from rewriter.values.plain import NONE, OTHER, Nothing
from rewriter.values.plain_objects import is_plain


def _other(machine: Machine, node: ast.stmt) -> None:
    for child in children(node):
        if isinstance(child, ast.expr):
            machine.evaluate(child)
    _forget(machine, node)


def _forget(machine: Machine, node: ast.AST) -> None:
    machine.context.state.variables.update(dict.fromkeys(bound_names(node), UNKNOWN))


def _assign(machine: Machine, node: ast.Assign) -> None:
    value = machine.evaluate(node.value)
    for target in node.targets:
        assign(machine, target, value)


def _annotated(machine: Machine, node: ast.AnnAssign) -> None:
    if node.value is None:
        return
    context = machine.context
    value = machine.evaluate(node.value)
    names = TypeNames.of(context.known.project, context.function)
    annotated = from_annotation(node.annotation, names)
    of_plain = context.cls is not None and is_plain(context.known, context.cls)
    if value.is_only(Nothing) and isinstance(node.target, ast.Attribute) and of_plain:
        value = UNKNOWN  # an object's state, which its methods fill
    if annotated is None and value.says_nothing:
        annotated = objects_annotated(node.annotation, names, value)
    assign(machine, node.target, value if value.known or annotated is None else annotated)


def _augmented(machine: Machine, node: ast.AugAssign) -> None:
    current = machine.evaluate(node.target)
    operand = machine.evaluate(node.value)
    assign(machine, node.target, machine.operations.operator(node, type(node.op), current, operand))


def _return(machine: Machine, node: ast.Return) -> None:
    machine.context.frame.returns.append(machine.evaluate(node.value) if node.value else NONE)
    machine.context.ended = True


def _raise(machine: Machine, node: ast.Raise) -> None:
    for part in (node.exc, node.cause):
        if part is not None:
            machine.evaluate(part)
    machine.context.ended = True


def _delete(machine: Machine, node: ast.Delete) -> None:
    for name in bound_names(node):
        machine.context.state.variables.pop(name, None)


def _function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    context = machine.context
    context.state.variables[node.name] = NestedFunction(node, context.function)
    if node in context.function.called_only and not node.decorator_list:
        return
    returns, ended = context.frame.returns, context.ended
    context.frame.returns, context.ended = [], False
    context.deferred(names_of(node), lambda: machine.run_block(node.body))
    context.frame.returns, context.ended = returns, ended


# Branches


def _if(machine: Machine, node: ast.If) -> None:
    machine.evaluate(node.test)

    def taken() -> None:
        narrow(machine, node.test, True)
        machine.run_block(node.body)

    def skipped() -> None:
        narrow(machine, node.test, False)
        machine.run_block(node.orelse)

    machine.alternatives(taken, skipped)


def _match(machine: Machine, node: ast.Match) -> None:
    machine.evaluate(node.subject)
    ways: list[Callable[[], None]] = [lambda: None]
    for case in node.cases:
        ways.append(lambda case=case: _case(machine, case))  # type: ignore[misc]
    machine.alternatives(*ways)


def _case(machine: Machine, case: ast.match_case) -> None:
    _forget(machine, case.pattern)
    if case.guard is not None:
        machine.evaluate(case.guard)
    machine.run_block(case.body)


def _try(machine: Machine, node: ast.Try) -> None:
    context = machine.context
    before = context.state.copy()
    machine.run_block(node.body)
    after, ended, context.ended = context.state, context.ended, False

    def whole() -> None:
        context.state, context.ended = after.copy(), ended
        if not ended:
            machine.run_block(node.orelse)

    def handled(handler: ast.ExceptHandler) -> Callable[[], None]:
        def run() -> None:
            # The exception may come before or after any statement of the body.
            context.state = merge(before, after) or before
            if handler.name:
                context.state.variables[handler.name] = OTHER
            machine.run_block(handler.body)

        return run

    machine.alternatives(whole, *(handled(h) for h in node.handlers))
    ended, context.ended = context.ended, False
    machine.run_block(node.finalbody)
    context.ended = context.ended or ended


def _with(machine: Machine, node: ast.With | ast.AsyncWith) -> None:
    for item in node.items:
        machine.evaluate(item.context_expr)
        if item.optional_vars is not None:
            assign(machine, item.optional_vars, UNKNOWN)
    machine.run_block(node.body)


# Loops


def _for(machine: Machine, node: ast.For | ast.AsyncFor) -> None:
    member = machine.evaluate(node.iter).iterated()

    def turn() -> None:
        assign(machine, node.target, member)
        machine.run_block(node.body)

    machine.context.repeated(turn)
    machine.run_block(node.orelse)


def _while(machine: Machine, node: ast.While) -> None:
    def turn() -> None:
        machine.evaluate(node.test)
        machine.run_block(node.body)

    machine.context.repeated(turn)
    machine.run_block(node.orelse)


Handler = Callable[[Machine, Any], None]

STATEMENTS: defaultdict[type[ast.AST], Handler] = defaultdict(
    lambda: _other,
    {
        ast.AnnAssign: _annotated, ast.Assign: _assign, ast.AsyncFor: _for, ast.AsyncFunctionDef: _function,
        ast.AsyncWith: _with, ast.AugAssign: _augmented, ast.ClassDef: _forget, ast.Delete: _delete, ast.For: _for,
        ast.FunctionDef: _function, ast.If: _if, ast.Import: _forget, ast.ImportFrom: _forget, ast.Match: _match,
        ast.Raise: _raise, ast.Return: _return, ast.Try: _try, ast.While: _while, ast.With: _with,
    },
)  # fmt: skip
if hasattr(ast, "TryStar"):
    STATEMENTS[ast.TryStar] = _try
