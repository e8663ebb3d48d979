"""Evaluates expressions, in evaluation order: a function for each kind of node."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rewriter.interpreter.assignment import assign
from rewriter.interpreter.binding import names_of
from rewriter.interpreter.calls import call
from rewriter.interpreter.global_names import meaning
from rewriter.interpreter.machine import Machine
from rewriter.interpreter.narrowing import narrow
from rewriter.interpreter.notes import counted_as
from rewriter.interpreter.state import most
from rewriter.python.trees import children, walk
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.fixed import all_fixed, origins_of
from rewriter.values.functions import NestedFunction
from rewriter.values.modules import Module
from rewriter.values.one_of import join, join_all
from rewriter.values.plain import FACT, NONE, NUMBER, OTHER, STRING, WHOLE, String, put_together
from rewriter.values.sequence import sequence
from rewriter.values.tensor import Tensor


def _constant(machine: Machine, node: ast.Constant) -> Value:
    if node.value is None:
        return NONE
    if isinstance(node.value, str | bytes):
        return String(frozenset({node.value})) if isinstance(node.value, str) else STRING
    if isinstance(node.value, int):
        return WHOLE
    return NUMBER if isinstance(node.value, float | complex) else OTHER


def _formatted(machine: Machine, node: ast.JoinedStr) -> Value:
    return put_together(node)  # what is formatted changes no value, and its positions are wrong before Python 3.12


def _name(machine: Machine, node: ast.Name) -> Value:
    context = machine.context
    if (found := context.variable(node.id)) is not None:
        return found
    return UNKNOWN if node.id in context.function.locals else meaning(context.known, context.function, node)


def _attribute(machine: Machine, node: ast.Attribute) -> Value:
    if machine.global_name(node):
        return meaning(machine.known, machine.function, node)
    value, context = machine.attribute_of(machine.evaluate(node.value), node), machine.context
    is_module = isinstance(value, Module) and value.has_name and not context.sets_up
    if is_module and isinstance(value, Module) and context.is_stored_on_own(node):
        return replace(value, read_from=frozenset({counted_as(context, node.attr)}))
    return value


# Containers


def _sequence(machine: Machine, node: ast.Tuple | ast.List | ast.Set) -> Value:
    members = [machine.evaluate(e) for e in node.elts]
    if any(isinstance(e, ast.Starred) for e in node.elts):
        return sequence(join_all(members))
    return sequence(items=members)


def _starred(machine: Machine, node: ast.Starred) -> Value:
    return machine.evaluate(node.value).member()


def _dict(machine: Machine, node: ast.Dict) -> Value:
    members = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is not None:
            machine.evaluate(key)
        found = machine.evaluate(value)
        members.append(found if key is not None else found.member())
    return Dictionary(join_all(members) if members else None)


def _subscript(machine: Machine, node: ast.Subscript) -> Value:
    receiver = machine.evaluate(node.value)
    index = machine.evaluate(node.slice)
    found = receiver.item(node.slice)
    if found is None:
        return UNKNOWN
    return found if index.is_fixed else found.as_given


def _slice(machine: Machine, node: ast.Slice) -> Value:
    parts = [machine.evaluate(part) for part in (node.lower, node.upper, node.step) if part is not None]
    for part in parts:
        machine.demand(part, NUMBER)
    return FACT if all_fixed(parts) else OTHER


# Branches


def _named(machine: Machine, node: ast.NamedExpr) -> Value:
    value = machine.evaluate(node.value)
    machine.context.state.variables[node.target.id] = value
    return value


def _conditional(machine: Machine, node: ast.IfExp) -> Value:
    context = machine.context
    machine.evaluate(node.test)
    before = context.state.copy()
    narrowed = {n.id: context.state.variables.get(n.id) for n in walk(node.test) if isinstance(n, ast.Name)}
    narrow(machine, node.test, holds=True)
    taken = machine.evaluate(node.body)
    after_body, context.state = context.state, before
    narrow(machine, node.test, holds=False)
    other = machine.evaluate(node.orelse)
    context.state.variables.update({name: value for name, value in narrowed.items() if value is not None})
    context.state.runs = most(context.state.runs, after_body.runs)
    return join(taken, other)


def _boolean(machine: Machine, node: ast.BoolOp) -> Value:
    return join_all([machine.evaluate(operand) for operand in node.values])


def _comparison(machine: Machine, node: ast.Compare) -> Value:
    operands = [machine.evaluate(node.left), *(machine.evaluate(c) for c in node.comparators)]
    if any(o.is_only(String) for o in operands):
        for operand in operands if not _asks_for_key(node, operands) else ():
            machine.demand(operand, STRING)
    identity = all(isinstance(o, ast.Is | ast.IsNot | ast.In | ast.NotIn) for o in node.ops)
    if identity or not any(o.may_be(Tensor) for o in operands):
        return WHOLE
    return Tensor(is_whole=True, origins=origins_of(operands) if all_fixed(operands) else frozenset())


def _asks_for_key(node: ast.Compare, operands: list[Value]) -> bool:
    """`"mask" in batch`, which may hold anything: as a string, it would hold no tensor."""
    return isinstance(node.ops[0], ast.In | ast.NotIn) and operands[0].is_only(String)


# Operators


def _binary(machine: Machine, node: ast.BinOp) -> Value:
    left = machine.evaluate(node.left)
    right = machine.evaluate(node.right)
    found = machine.operations.operator(node, type(node.op), left, right)
    return put_together(node) if found == STRING else found


def _unary(machine: Machine, node: ast.UnaryOp) -> Value:
    operand = machine.evaluate(node.operand)
    if isinstance(node.op, ast.Not):
        return WHOLE
    return machine.operations.operator(node, type(node.op), operand)


# Functions and loops inside expressions


def _lambda(machine: Machine, node: ast.Lambda) -> Value:
    context = machine.context
    if node not in context.function.called_only:
        context.deferred(names_of(node), lambda: machine.evaluate(node.body))
    return NestedFunction(node, context.function)


def _yield(machine: Machine, node: ast.Yield) -> Value:
    machine.context.frame.yields.append(machine.evaluate(node.value) if node.value is not None else NONE)
    return UNKNOWN


def _yield_from(machine: Machine, node: ast.YieldFrom) -> Value:
    machine.context.frame.yields.append(machine.evaluate(node.value).member())
    return UNKNOWN


def _sequence_made(machine: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    return sequence(_comprehension(machine, node.generators, [node.elt]))


def _dict_made(machine: Machine, node: ast.DictComp) -> Value:
    return Dictionary(_comprehension(machine, node.generators, [node.key, node.value]))


def _comprehension(machine: Machine, generators: list[ast.comprehension], results: list[ast.expr]) -> Value:
    context = machine.context
    outer = context.state.copy()
    for generator in generators:
        assign(machine, generator.target, machine.evaluate(generator.iter).iterated())
        context.frame.loops += 1
        for condition in generator.ifs:
            machine.evaluate(condition)
    found = [machine.evaluate(r) for r in results][-1]
    context.frame.loops -= len(generators)
    outer.runs = most(outer.runs, context.state.runs)
    context.state = outer
    return found


def _other(machine: Machine, node: ast.expr) -> Value:
    for child in children(node):
        if isinstance(child, ast.expr):
            machine.evaluate(child)
    return UNKNOWN


Handler = Callable[[Machine, Any], Value]

EXPRESSIONS: defaultdict[type[ast.AST], Handler] = defaultdict(
    lambda: _other,
    {
        ast.Attribute: _attribute, ast.BinOp: _binary, ast.BoolOp: _boolean, ast.Call: call,
        ast.Compare: _comparison, ast.Constant: _constant, ast.Dict: _dict, ast.DictComp: _dict_made,
        ast.GeneratorExp: _sequence_made, ast.IfExp: _conditional, ast.JoinedStr: _formatted, ast.Lambda: _lambda,
        ast.List: _sequence, ast.ListComp: _sequence_made, ast.Name: _name, ast.NamedExpr: _named,
        ast.Set: _sequence, ast.SetComp: _sequence_made, ast.Slice: _slice, ast.Starred: _starred,
        ast.Subscript: _subscript, ast.Tuple: _sequence, ast.UnaryOp: _unary, ast.Yield: _yield,
        ast.YieldFrom: _yield_from,
    },
)  # fmt: skip
