"""Runs one method of a class, with arguments that its signature alone describes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from rewriter.interpreter import binding
from rewriter.interpreter.expressions import EXPRESSIONS
from rewriter.interpreter.machine import Machine
from rewriter.interpreter.met import Met
from rewriter.interpreter.state import Frame
from rewriter.interpreter.statements import STATEMENTS
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import is_left_to_others
from rewriter.values.base import UNKNOWN, Known, Value
from rewriter.values.modules import ProjectModule
from rewriter.values.one_of import join, join_all
from rewriter.values.plain import NONE, Nothing
from rewriter.values.tensor import TENSOR, Tensor

# An argument found to be no tensor changes what others may be; more rounds have not been seen to add anything.
MAX_ROUNDS = 4


@dataclass
class Run:
    """A run that is over: what it has met, what it returned, and what it left on the object."""

    cls: Class
    function: Function | None = None
    met: Met = field(default_factory=Met)
    result: Value = UNKNOWN
    attributes: dict[str, Value] = field(default_factory=dict)


def run_forward(
    known: Known,
    cls: Class,
    forward: Function,
    others: Sequence[Function],
    around: Mapping[str, Value] | None = None,
    again: frozenset[ast.AST] = frozenset(),
) -> Run:
    """Runs the forward, and the methods that somebody puts in its place, each from the same start.

    `around` is what is known of the variables around the forward. Untyped arguments are taken for tensors; all runs
    again while a run shows that some is none after all. The calls in `again` run on modules of their own.
    """
    settled: dict[str, Value] = {}
    kept: dict[str, Value] = {}
    for _ in range(MAX_ROUNDS):
        entries = [(f, binding.of_entry(known.project, f, own_name(f), assume=True)) for f in (forward, *others)]
        described = [(f, {**(around or {}), **kept, **dict(variables)}) for f, variables in entries]
        run = _run(known, cls, described, settled, again)
        left = dict(_left_for_the_next(known, run))
        if not (run.met.demands.keys() - settled.keys() or left.keys() - kept.keys()):
            break
        settled |= run.met.demands
        kept |= left
    run.met.entered.add(forward)
    return run


def _left_for_the_next(known: Known, run: Run) -> Iterator[tuple[str, Value]]:
    """The tensors that it leaves where the constructor has put None: the next forward finds them there."""
    for name, value in run.attributes.items():
        if value.may_be(Tensor) and known.attribute(run.cls, name).is_only(Nothing):
            yield f"self.{name}", join(NONE, TENSOR)


def run_constructor(
    known: Known, cls: Class, init: Function, stated: Mapping[str, Value], given: Mapping[str, Value]
) -> Run:
    """`stated` is what the bodies of the classes say of the object's attributes; `given`, what parameters may get."""
    variables = dict(binding.of_entry(known.project, init, own_name(init), assume=False))
    variables.update((name, join(variables[name], value)) for name, value in given.items() if name in variables)
    variables.update((f"self.{attribute}", value) for attribute, value in stated.items())
    return _run(known, cls, [(init, variables)], {})


def run_expression(known: Known, file: File, node: ast.expr, shadowed: frozenset[str] = frozenset()) -> Value:
    """What an expression at module level, or in a class's body, may be."""
    machine = Machine(known, {}, EXPRESSIONS, STATEMENTS)
    around = ast.FunctionDef("<module>", ast.arguments([], [], None, [], [], None, []), [], [])
    machine.context.frames.append(Frame(Function(around, file, shadowed), None, None))
    return machine.evaluate(node)


def _run(
    known: Known,
    cls: Class,
    entries: Sequence[tuple[Function, dict[str, Value]]],
    settled: dict[str, Value],
    again: frozenset[ast.AST] = frozenset(),
) -> Run:
    machine = Machine(known, dict(settled), EXPRESSIONS, STATEMENTS)
    context = machine.context
    context.again = again
    results: list[Value] = []

    def enter(function: Function, variables: dict[str, Value]) -> None:
        name = own_name(function)
        variables.update((key, value) for key, value in settled.items() if key in variables)
        if name is not None:
            variables[name] = ProjectModule(cls)
        frame = Frame(function, name, cls)
        context.frames.append(frame)
        context.state.variables.update(variables)
        machine.run_body(function.node.body)
        context.frames.pop()
        left_open = is_left_to_others(function.node.body)
        results.append(join_all(frame.returns) if frame.returns else UNKNOWN if left_open else NONE)

    if len(entries) == 1:
        enter(*entries[0])
    else:
        context.met.entered.update(function for function, _ in entries)
        context.alternatives(*(partial(enter, *entry) for entry in entries))
    for site in context.met.sites.values():
        site.called_in_loop |= site.function in context.met.recursive
    stored = {n.removeprefix("self."): v for n, v in context.state.variables.items() if n.startswith("self.")}
    return Run(cls, entries[0][0], context.met, join_all(results), stored)
