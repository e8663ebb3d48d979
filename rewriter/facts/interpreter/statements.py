"""Runs statements: branches meet again, loops are run until nothing new is learnt."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.facts import values as v
from rewriter.facts.interpreter.calls import Calls
from rewriter.facts.interpreter.expressions import Methods
from rewriter.facts.interpreter.state import Local, State, merge, most
from rewriter.facts.names import bound_names
from rewriter.facts.objects import is_plain
from rewriter.facts.trees import children
from rewriter.facts.values import Kind, Value

_METHODS = Methods("_run_")


class Interpreter(Calls):
    """The whole interpreter. A path that ended (return, raise) leaves `ended` set until the paths meet."""

    ended = False

    def run_body(self, body: list[ast.stmt]) -> None:
        ended, self.ended = self.ended, False
        self._block(body)
        self.ended = ended

    def _block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if self.ended:
                return  # what stands behind a return is never run
            self.frame.statement = statement
            method: Callable[[ast.stmt], None] = getattr(self, _METHODS[statement.__class__], self._run_other)
            method(statement)

    def _run_other(self, node: ast.stmt) -> None:
        for child in children(node):
            if isinstance(child, ast.expr):
                self.evaluate(child)
        for name in bound_names(node):
            self.state.variables[name] = v.UNKNOWN

    def _run_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in bound_names(node):
            self.state.variables[name] = v.UNKNOWN

    _run_importfrom = _run_import

    def _run_assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _run_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is None:
            return
        value = self.evaluate(node.value)
        annotated = v.from_annotation(node.annotation, self.frame.function.full_name)
        if value.is_only(Kind.NONE) and isinstance(node.target, ast.Attribute) and self._is_of_plain():
            value = v.UNKNOWN  # an object's state, which its methods fill
        if annotated is None and value == v.UNKNOWN:
            annotated = v.objects_annotated(node.annotation, self.frame.function.full_name)
        self.assign(node.target, value if value.known or annotated is None else annotated)

    def _is_of_plain(self) -> bool:
        return self.frame.cls is not None and is_plain(self.knowledge, self.frame.cls)

    def _run_augassign(self, node: ast.AugAssign) -> None:
        current = self.evaluate(node.target)
        operand = self.evaluate(node.value)
        self.assign(node.target, self.operation(node, type(node.op), current, operand))

    def _run_return(self, node: ast.Return) -> None:
        self.frame.returns.append(self.evaluate(node.value) if node.value else v.NONE)
        self.ended = True

    def _run_raise(self, node: ast.Raise) -> None:
        for part in (node.exc, node.cause):
            if part is not None:
                self.evaluate(part)
        self.ended = True

    def _run_delete(self, node: ast.Delete) -> None:
        for name in bound_names(node):
            self.state.variables.pop(name, None)

    def _run_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.state.variables[node.name] = v.of(Kind.FUNCTION, ref=Local(node, self.frame))
        if node in self.called_only and not node.decorator_list:
            return
        spec = node.args
        names = [a.arg for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]]
        returns, ended = self.frame.returns, self.ended
        self.frame.returns, self.ended = [], False
        self._deferred(names, lambda: self._block(node.body))
        self.frame.returns, self.ended = returns, ended

    _run_asyncfunctiondef = _run_functiondef

    def _run_classdef(self, node: ast.ClassDef) -> None:
        self.state.variables[node.name] = v.UNKNOWN

    # Branches

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

    def _run_if(self, node: ast.If) -> None:
        self.evaluate(node.test)

        def taken() -> None:
            self._narrow(node.test, True)
            self._block(node.body)

        def skipped() -> None:
            self._narrow(node.test, False)
            self._block(node.orelse)

        self.alternatives(taken, skipped)

    def _narrow(self, test: ast.expr, holds: bool) -> None:
        """What `isinstance(x, Tensor)` and `x is None` say of x on either side."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self._narrow(test.operand, not holds)
        elif isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance":
            if len(test.args) == 2 and isinstance(test.args[0], ast.Name):
                self._narrow_type(test.args[0].id, test.args[1], holds)
        elif isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.Name):
            is_none = isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value is None
            if is_none and isinstance(test.ops[0], ast.Is | ast.IsNot):
                self._narrow_none(test.left.id, holds == isinstance(test.ops[0], ast.Is))

    def _narrow_type(self, name: str, types: ast.expr, holds: bool) -> None:
        current = self.state.variables.get(name)
        if current is None:
            return
        classes = types.elts if isinstance(types, ast.Tuple) else [types]
        found = [v.from_annotation(c, self.frame.function.full_name) for c in classes]
        known = [f for f in found if f is not None]
        if len(known) != len(found):
            return
        if holds:
            better = v.join_all(known)
            overlap = current.is_only(*better.kinds)
            self.state.variables[name] = current if overlap and not current.assumed else better
        elif current.kinds - v.join_all(known).kinds:
            for value in known:
                for kind in value.kinds:
                    current = current.without(kind) if current.may_be(kind) else current
            self.state.variables[name] = current
        elif current.assumed:
            self.state.variables[name] = v.UNKNOWN

    def _narrow_none(self, name: str, is_none: bool) -> None:
        current = self.state.variables.get(name)
        if current is None:
            return
        if is_none:
            self.state.variables[name] = v.NONE
        elif current.may_be(Kind.NONE):
            rest = current.without(Kind.NONE)
            self.state.variables[name] = rest if rest.known or not current.known else v.ASSUMED

    def _run_match(self, node: ast.Match) -> None:
        self.evaluate(node.subject)
        runs: list[Callable[[], None]] = [lambda: None]
        for case in node.cases:
            runs.append(lambda case=case: self._case(case))  # type: ignore[misc]
        self.alternatives(*runs)

    def _case(self, case: ast.match_case) -> None:
        for name in bound_names(case.pattern):
            self.state.variables[name] = v.UNKNOWN
        if case.guard is not None:
            self.evaluate(case.guard)
        self._block(case.body)

    def _run_try(self, node: ast.Try) -> None:
        before = self.state.copy()
        self._block(node.body)
        after, ended, self.ended = self.state, self.ended, False

        def whole() -> None:
            self.state, self.ended = after.copy(), ended
            if not self.ended:
                self._block(node.orelse)

        def handled(handler: ast.ExceptHandler) -> Callable[[], None]:
            def run() -> None:
                # The exception may come before or after any statement of the body.
                self.state = merge(before, after) or before
                if handler.name:
                    self.state.variables[handler.name] = v.OTHER
                self._block(handler.body)

            return run

        self.alternatives(whole, *(handled(h) for h in node.handlers))
        ended, self.ended = self.ended, False
        self._block(node.finalbody)
        self.ended = self.ended or ended

    _run_trystar = _run_try

    def _run_with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.evaluate(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, v.UNKNOWN)
        self._block(node.body)

    _run_asyncwith = _run_with

    # Loops

    def _run_for(self, node: ast.For | ast.AsyncFor) -> None:
        member = self.iterated(self.evaluate(node.iter))

        def turn() -> None:
            self.assign(node.target, member)
            self._block(node.body)

        self._repeat(turn)
        self._block(node.orelse)

    _run_asyncfor = _run_for

    def _run_while(self, node: ast.While) -> None:
        def turn() -> None:
            self.evaluate(node.test)
            self._block(node.body)

        self._repeat(turn)
        self._block(node.orelse)

    def _repeat(self, turn: Callable[[], None]) -> None:
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
