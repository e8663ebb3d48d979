"""Runs one function inside another, as part of the same run. Here alone are the bounds of that."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rewriter.interpreter import binding
from rewriter.interpreter.context import Context
from rewriter.interpreter.met import Caller
from rewriter.interpreter.notes import method_of_part
from rewriter.interpreter.state import Frame, State
from rewriter.interpreter.summaries import Key, Summary, add, begin, end, recalled, remember
from rewriter.interpreter.supers import super_method
from rewriter.python.code import Class, Function, FunctionNode
from rewriter.python.hierarchy import own_name
from rewriter.python.loops import is_another_each_turn
from rewriter.python.project import Project
from rewriter.python.trees import walk
from rewriter.python.type_comments import returns_of
from rewriter.python.type_names import TypeNames
from rewriter.values.annotations import from_annotation, objects_annotated
from rewriter.values.base import UNKNOWN, Call, Value
from rewriter.values.classes import ProjectClass, SomeClass
from rewriter.values.functions import BoundMethod, Partial, SomeFunction
from rewriter.values.modules import ProjectModule
from rewriter.values.one_of import join_all
from rewriter.values.plain import NONE
from rewriter.values.sequence import sequence
from rewriter.values.target import Target

MAX_DEPTH = 12
# Most forwards come to fewer than fifty calls; functions that call each other many times over would never end. Behind
# so many, each function is still run once.
MAX_CALLS = 1000
BOUND = -1
"""As a trace's reach: a bound was met, which others may meet elsewhere."""

Body = Callable[[list[ast.stmt]], None]
Evaluate = Callable[[ast.expr], Value]


@dataclass(eq=False)
class Activations:
    context: Context
    run_body: Body
    evaluate: Evaluate
    followed: int = 0
    """How many calls the run has followed into other functions."""

    def of_call(self, target: Target, call: Call) -> Value:
        """What the function returns for these arguments."""
        return self._of(target, call.node, call)

    def of_property(self, target: Target, node: ast.Attribute) -> Value:
        return self._of(target, node, None)

    def _of(self, target: Target, node: ast.Call | ast.Attribute, call: Call | None) -> Value:
        if (unseen := self._not_entered(target.function)) is not None:
            self._may_write(call)
            return unseen
        cls = target.cls or (self.context.cls if super_method(self.context, node) else None)
        own = own_name(target.function) if cls is not None else None
        again = isinstance(node, ast.Call) and self.runs_again(target, node)
        self._note_entry(target, node, again)
        frame = self._frame(target, node, cls, own)
        if again:
            frame.outer_loops = 0
        variables = self._variables(target, call, cls, own)
        if own is not None and target.own:
            self._run_on_same_object(frame, variables, again)
        else:
            self._run_apart(frame, variables)
        return _result(self.context.known.project, target.function, frame)

    def runs_again(self, target: Target, node: ast.Call) -> bool:
        """Whether the method runs on modules of its own."""
        return (target.again or node in self.context.again) and target.own

    def _may_write(self, call: Call | None) -> None:
        """Whatever runs there may write anything into what it is given."""
        for value in call.arguments.values() if call is not None else ():
            self.context.written(value, UNKNOWN)

    def _not_entered(self, function: Function) -> Value | None:
        """What is returned by a function that is not run again, or that lies too deep; None for one that is run."""
        self.followed += 1
        frames, trace = self.context.frames, self.context.trace
        again = next((i for i, frame in enumerate(frames) if frame.function is function), None)
        if again is not None:
            trace.reaches = min(trace.reaches, again)
            trace.met.recursive.update(frame.function for frame in frames[again:])
            return UNKNOWN
        trace.deepest = max(trace.deepest, len(frames))
        if len(frames) <= MAX_DEPTH and self.followed <= MAX_CALLS:
            return None
        trace.reaches = BOUND
        is_new = not any(function in t.met.entered or function in t.met.entered_plain for t in self.context.traces)
        if len(frames) <= MAX_DEPTH and is_new:
            return None
        owner = function.owner if function.node.name == "forward" else None
        return UNKNOWN if owner is None else self.context.known.forward_result(owner)

    def _note_entry(self, target: Target, node: ast.Call | ast.Attribute, again: bool) -> None:
        context, function = self.context, target.function
        (context.met.entered_plain if target.is_plain else context.met.entered).add(function)
        if isinstance(node, ast.Call):
            self._note_call(target, node, again)
        for around in context.frames[context.trace.base :]:
            if around.statement is not None:
                context.met.entered_at.setdefault((around.function, function), around.statement)
        context.known.consults(function.file)

    def _note_call(self, target: Target, node: ast.Call, again: bool) -> None:
        context, met, function = self.context, self.context.met, target.function
        met.call(function, node, Caller(context.function, self._is_by_name(target, node)))
        if again:
            met.runs.setdefault(function, 1)
            return
        runs = context.state.runs[function] = context.state.runs.get(function, 0) + 1
        met.runs[function] = max(met.runs.get(function, 0), runs)
        if context.frame.loops or context.frame.outer_loops:
            met.looped.add(function)
        if runs > 1 or function in met.looped:
            met.again.add(node)

    def _is_by_name(self, target: Target, node: ast.Call) -> bool:
        context, func = self.context, node.func
        apart = context.frame.deferred or context.running or target.is_given
        named = isinstance(func, ast.Attribute) and func.attr == target.function.node.name
        return target.own and named and not apart and isinstance(func, ast.Attribute) and context.is_own(func.value)

    def _frame(self, target: Target, node: ast.Call | ast.Attribute, cls: Class | None, own: str | None) -> Frame:
        outer = self.context.frame
        func = node.func if isinstance(node, ast.Call) else node
        receiver = func.value if not target.own and isinstance(func, ast.Attribute) else None
        apart = receiver is not None
        holder = f">{ast.unparse(receiver)}" if receiver is not None else ""
        before = self._calls_before(target, node) if apart and cls is not None else None
        if before:
            holder += f"#{before}"
        loops = outer.loops + outer.outer_loops
        if loops and receiver is not None and is_another_each_turn(receiver, self.context.function.node):
            loops -= 1
        return Frame(
            target.function,
            own,
            cls,
            deferred=outer.deferred,
            outer_loops=loops if before is None else 0,
            of_plain=target.is_plain,
            holder=outer.holder + holder,
            is_part=before is not None,
        )

    def _calls_before(self, target: Target, node: ast.Call | ast.Attribute) -> int | None:
        """For a method of a part: how many calls came before. Whoever calls it has a part for each, or says so."""
        func = node.func if isinstance(node, ast.Call) else node
        held = func.value if isinstance(func, ast.Attribute) else func
        if not isinstance(held, ast.Attribute) or not self.context.is_stored_on_own(held):
            return None
        calls = self.context.state.runs.get(method_of_part(self.context, held.attr, target.function), 0)
        return calls - 1 if calls else None

    def _variables(self, target: Target, call: Call | None, cls: Class | None, own: str | None) -> dict[str, Value]:
        function, stored = target.function, self.context.state.variables
        of_class = "classmethod" in function.decorators
        skips_first = (own is not None and not target.is_given) or of_class
        given = binding.given_to(self.context.known.project, function, call, skips_first) if call is not None else {}
        variables = dict(binding.of_call(self.context.known.project, function, given, own))
        if own is not None and cls is not None:
            variables[own] = ProjectModule(cls)
            variables.update({k: v for k, v in stored.items() if target.own and k.startswith("self.")})
        elif of_class and function.node.args.args:
            variables[function.node.args.args[0].arg] = ProjectClass(cls) if cls is not None else SomeClass()
        return variables

    def _run_on_same_object(self, frame: Frame, variables: dict[str, Value], again: bool) -> None:
        """Runs the body among these variables; what it stores on the object, the caller sees.

        Where it runs again on modules of its own, as much has run before as when it was called first, nor does what it
        runs count afterwards: those modules are handles of the ones that ran then.
        """
        context = self.context
        caller = context.state
        if frame.function not in context.begun_with:
            context.begun_with[frame.function] = dict(caller.runs)
        context.state = State(variables, dict(context.begun_with[frame.function]) if again else caller.runs)
        self._run_inside(frame)
        caller.runs = caller.runs if again else context.state.runs
        stored = context.state.variables.items()
        caller.variables.update({name: value for name, value in stored if name.startswith("self.")})
        context.state = caller

    def _run_apart(self, frame: Frame, variables: dict[str, Value]) -> None:
        """Runs the body, or recalls what running it has done before."""
        context = self.context
        key = Key.of(context, frame, variables)
        summary = recalled(context, key, MAX_DEPTH - len(context.frames), MAX_CALLS - self.followed)
        if summary is None:
            summary = self._summarized(key, frame, variables)
        else:
            self.followed += summary.followed
            frame.returns, frame.yields = list(summary.returns), list(summary.yields)
            for file in summary.files:
                context.known.consults(file)
        add(context, summary, frame.holder if frame.is_part else None)

    def _summarized(self, key: Key, frame: Frame, variables: dict[str, Value]) -> Summary:
        context, before = self.context, self.followed
        absent, context.absent = context.absent, set()
        caller = begin(context, variables)
        files, basis = context.known.watched(partial(self._run_inside, frame))
        trace, runs = end(context, caller)
        context.absent = absent
        found = Summary(
            trace,
            runs,
            tuple(frame.returns),
            tuple(frame.yields),
            self.followed - before,
            files or frozenset(),
            basis,
        )
        if trace.stands_alone and files is not None:
            remember(context, key, found)
        context.trace.reaches = min(context.trace.reaches, trace.reaches)
        return found

    def _run_inside(self, frame: Frame) -> None:
        self.context.frames.append(frame)
        self.run_body(frame.function.node.body)
        self.context.frames.pop()

    def of_nested(self, node: ast.Lambda | FunctionNode, call: Call) -> Value:
        """Runs a lambda or nested function where it is called, among the variables that it sees."""
        context = self.context
        if node in context.running:
            return UNKNOWN
        outer = context.state
        context.state = outer.copy()
        context.state.variables.update(dict.fromkeys(binding.names_of(node), UNKNOWN))
        context.state.variables.update(binding.bound(node, call))
        found = self._returned(node)
        rebound = {name for inner in walk(node) if isinstance(inner, ast.Nonlocal) for name in inner.names}
        outer.variables.update({name: context.state.variables.get(name, UNKNOWN) for name in rebound})
        outer.runs = context.state.runs
        context.state = outer
        return join_all(found) if found else NONE

    def _returned(self, node: ast.Lambda | FunctionNode) -> list[Value]:
        """What the code inside returns; one that names itself runs as if in a loop."""
        context = self.context
        returns, context.frame.returns = context.frame.returns, []
        recursive = isinstance(node, ast.FunctionDef) and _names_itself(node)
        context.running.append(node)
        context.frame.loops += recursive
        if isinstance(node, ast.Lambda):
            context.frame.returns.append(self.evaluate(node.body))
        else:
            self.run_body(node.body)
        context.frame.loops -= recursive
        context.running.pop()
        found, context.frame.returns = context.frame.returns, returns
        return found

    def of_handed_out(self, call: Call) -> None:
        """Runs the methods among the arguments: whoever gets one may call it at any time, or never."""
        for argument in call.arguments.values():
            for part in (*argument.parts, *argument.held):
                for member in part.members if isinstance(part, SomeFunction) else ():
                    method = member.function if isinstance(member, Partial) else member
                    if isinstance(method, BoundMethod) and not self.context.has_entered(method.function):
                        self._run_deferred(method)

    def _run_deferred(self, method: BoundMethod) -> None:
        node = method.function.node
        without = ast.copy_location(ast.Call(ast.Name(node.name), [], []), node)
        self.context.frame.deferred += 1
        self.of_call(method.target, Call(without, {}))
        self.context.frame.deferred -= 1


def _result(project: Project, function: Function, frame: Frame) -> Value:
    """What the function returned, or what it promises where that is in doubt."""
    if frame.yields:
        return sequence(join_all(frame.yields))
    found = join_all(frame.returns) if frame.returns else NONE
    names = TypeNames.of(project, function)
    promised = from_annotation(returns_of(function), names)
    if promised is None and found.says_nothing:
        return objects_annotated(returns_of(function), names, found)
    return promised if promised is not None and found.is_in_doubt else found


def _names_itself(function: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.Name) and n.id == function.name for s in function.body for n in walk(s))
