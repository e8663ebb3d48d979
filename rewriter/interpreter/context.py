"""Where a run is: the state, the functions it is in, and the paths that meet again."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from rewriter.interpreter.met import Met
from rewriter.interpreter.state import Frame, Runs, State, merge, most
from rewriter.interpreter.trace import Trace
from rewriter.python.code import Class, Function
from rewriter.values.base import UNKNOWN, Known, Value
from rewriter.values.fixed import all_fixed
from rewriter.values.sequence import sequence
from rewriter.values.tensor import OF_MEMBER

Result = TypeVar("Result")


@dataclass(eq=False)
class Context:
    """A path that ended (return, raise) leaves `ended` set until the paths meet."""

    known: Known
    settled: dict[str, Value]
    """What earlier rounds have shown of values that were taken for tensors."""
    again: frozenset[ast.AST] = frozenset()
    """Calls of methods that are to run on modules of their own."""
    begun_with: dict[Function, Runs] = field(default_factory=dict)
    """How often sites and modules had run when each method of the object was first called."""
    traces: list[Trace] = field(default_factory=lambda: [Trace(0)])
    """For each call whose effects are found out apart, what it has met; the run's own first."""
    state: State = field(default_factory=State)
    frames: list[Frame] = field(default_factory=list)
    ended: bool = False
    absent: set[str] = field(default_factory=set)
    """Names that were read where no variable was known by them."""
    running: list[ast.AST] = field(default_factory=list)
    """The lambdas and nested functions that are being run."""

    # What is found out

    @property
    def trace(self) -> Trace:
        return self.traces[-1]

    @property
    def met(self) -> Met:
        return self.trace.met

    def knows_entered(self, function: Function) -> bool:
        """Whether the run has come through the function."""
        return any(function in trace.met.entered for trace in reversed(self.traces))

    def has_entered(self, function: Function) -> bool:
        """Whether the run has come through the function; what is found out from now on hangs on that."""
        if function in self.met.entered:
            return True
        return self.trace.reads.entered.setdefault(function, self.knows_entered(function))

    @property
    def sets_up(self) -> bool:
        """Whether the run is of a constructor."""
        return self.frames[0].function.is_constructor

    def is_about(self, cls: Class) -> bool:
        """Whether the run is about that class; what is found out from now on hangs on that."""
        return self.trace.reads.about.setdefault(cls, self.frames[0].cls is cls)

    def shown(self, key: str) -> Value | None:
        """What earlier rounds have shown of a value that is taken for a tensor."""
        return self.trace.reads.settled.setdefault(key, self.settled.get(key))

    def count(self, name: str) -> int:
        """How often the module of that name has run before; it runs once more."""
        before = self.counted(name)
        self.state.runs[name] = before + 1
        return before

    def counted(self, name: str) -> int:
        """How often the module of that name has run; what is found out from now on hangs on that."""
        before = self.state.runs.get(name, 0)
        self.trace.reads.counts.setdefault(name, before)
        return before

    # The function that is being run

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    @property
    def function(self) -> Function:
        return self.frame.function

    @property
    def cls(self) -> Class | None:
        return self.frame.cls

    @property
    def of_plain(self) -> bool:
        return self.frame.of_plain

    def global_name(self, node: ast.expr) -> str | None:
        """The full name of an expression that reads no local variable."""
        return self.frame.function.global_name(node)

    # Its object

    def is_own(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.frame.self_name

    def is_stored_on_own(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and self.is_own(node.value)

    def stored(self, node: ast.Attribute) -> Value | None:
        if not self.is_own(node.value):
            return None
        return self.variable(f"self.{node.attr}")

    def store(self, attribute: str, value: Value) -> None:
        self.written(value, UNKNOWN)  # others may, now that they can reach it
        self.state.variables[f"self.{attribute}"] = value

    # Values

    def variable(self, name: str) -> Value | None:
        found = self.state.variables.get(name)
        if found is None:
            self.absent.add(name)
        return found

    def widen(self, holder: ast.expr, value: Value) -> None:
        if isinstance(holder, ast.Name):
            current = self.state.variables.get(holder.id) or self.met.values[holder]
            self.state.variables[holder.id] = current.widened(value)
        elif isinstance(holder, ast.Attribute) and (kept := self.stored(holder)) is not None:
            self.store(holder.attr, kept.widened(value))
        elif isinstance(holder, ast.Subscript) and (member := self.met.values.get(holder)) is not None:
            self.widen(holder.value, member.widened(value))  # `grid[i][j] = value`

    def demand(self, value: Value, needed: Value) -> None:
        for name in value.sources:
            argument, *levels = name.split(OF_MEMBER)
            found = needed
            for _ in levels:
                found = sequence(found)
            self.met.demands.setdefault(argument, found)

    def written(self, value: Value, *sources: Value) -> None:
        """What is written into is computed from its sources from now on, and so is all that shares its memory."""
        if not all_fixed(sources):
            for origin in value.origins:
                self.met.demands.setdefault(origin, value)

    def made_here(self, node: ast.expr) -> frozenset[str]:
        """Only a forward is asked for what flows: what a constructor makes may change before the forward reads it."""
        if self.sets_up:
            return frozenset()
        key = f"made at {self.function.file.module}:{node.lineno}:{node.col_offset}"
        return frozenset({key}) if self.shown(key) is None else frozenset()

    # Paths

    def alternatives(self, *ways: Callable[[], object]) -> None:
        """Runs each from the same start; the state afterwards is whichever came through."""
        start = self.state
        result: State | None = None
        runs = start.runs
        for run in ways:
            self.state, self.ended = start.copy(), False
            run()
            runs = most(runs, self.state.runs)
            result = merge(result, None if self.ended else self.state)
        self.ended = result is None
        self.state = result or State(start.variables, runs)

    def repeated(self, turn: Callable[[], None]) -> None:
        """Twice is enough: the second turn sees what the first left behind; where that is nothing new, once."""
        self.frame.loops += 1
        outside, self.absent = self.absent, set()
        before = self.state
        self.alternatives(lambda: None, turn)
        self.ended = False
        if self._has_learnt(before.variables):
            self.state.runs = before.runs  # the sites of a loop are counted once; `in_loop` says the rest
            self.alternatives(lambda: None, turn)
            self.ended = False
        self.absent |= outside
        self.frame.loops -= 1

    def _has_learnt(self, before: dict[str, Value]) -> bool:
        """Whether a turn would now read a variable that it has found different, or has not found at all."""
        after = self.state.variables
        if any(after[name] != value for name, value in before.items() if name in after):
            return True
        return any(name in self.absent for name in after.keys() - before.keys())

    def in_loop(self, run: Callable[[], Result]) -> Result:
        self.frame.loops += 1
        found = run()
        self.frame.loops -= 1
        return found

    def deferred(self, names: Iterable[str], run: Callable[[], object]) -> None:
        """Runs what may run at any time or never, with parameters of which nothing is known."""
        outer = self.state
        self.state = outer.copy()
        self.state.variables.update(dict.fromkeys(names, UNKNOWN))
        self.frame.deferred += 1
        run()
        self.frame.deferred -= 1
        outer.runs = most(outer.runs, self.state.runs)
        self.state = outer
