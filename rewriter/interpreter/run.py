"""Runs one method of a class, with arguments that its signature alone describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import own_name
from rewriter.interpreter import binding
from rewriter.interpreter.expressions import EXPRESSIONS
from rewriter.interpreter.machine import Machine
from rewriter.interpreter.met import Met
from rewriter.interpreter.state import Frame
from rewriter.interpreter.statements import STATEMENTS
from rewriter.values.base import UNKNOWN, Known, Value
from rewriter.values.modules import ProjectModule
from rewriter.values.one_of import join_all
from rewriter.values.plain import NONE

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


def run_forward(known: Known, cls: Class, forward: Function) -> Run:
    """Untyped arguments are taken for tensors; it runs again while a run shows that some is none after all."""
    settled: dict[str, Value] = {}
    for _ in range(MAX_ROUNDS):
        run = _run(known, cls, forward, dict(binding.of_entry(forward, own_name(forward), assume=True)), settled)
        if not run.met.demands.keys() - settled.keys():
            break
        settled |= run.met.demands
    return run


def run_constructor(known: Known, cls: Class, init: Function, stated: Mapping[str, Value]) -> Run:
    """`stated` is what the bodies of the classes say of the object's attributes."""
    variables = dict(binding.of_entry(init, own_name(init), assume=False))
    variables.update((f"self.{attribute}", value) for attribute, value in stated.items())
    return _run(known, cls, init, variables, {})


def _run(known: Known, cls: Class, function: Function, variables: dict[str, Value], settled: dict[str, Value]) -> Run:
    machine = Machine(known, dict(settled), EXPRESSIONS, STATEMENTS)
    context = machine.context
    name = own_name(function)
    variables.update((key, value) for key, value in settled.items() if key in variables)
    if name is not None:
        variables[name] = ProjectModule(cls)
    frame = Frame(function, name, cls, context.number())
    context.frames.append(frame)
    context.state.variables.update(variables)
    machine.run_body(function.node.body)
    stored = {n.removeprefix("self."): v for n, v in context.state.variables.items() if n.startswith("self.")}
    return Run(cls, function, context.met, join_all(frame.returns) if frame.returns else NONE, stored)
