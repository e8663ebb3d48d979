"""Follows calls whose function is a value: methods of objects that are no modules, choices, what is handed on."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import partial

from rewriter.facts import values as v
from rewriter.facts.interpreter.functions import Functions
from rewriter.facts.interpreter.state import Bound
from rewriter.facts.objects import Method, is_plain, methods_below, methods_meant
from rewriter.facts.project import Class, Function
from rewriter.facts.tables import members_of
from rewriter.facts.values import Kind, Value
from rewriter.torch_api import catalogue


class Chosen(Functions):
    """The part of the interpreter that follows calls of functions which are known as values only."""

    def module_result(self, module: Value, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        raise NotImplementedError

    def _of_object(self, methods: Iterable[Method], node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        """The call of a method of an object that is no module: of one of these."""
        choice = v.Choice(frozenset(methods))
        if not choice.of:
            return v.UNKNOWN
        self.note(node, choice=choice)
        return self._one_of(choice, node, arguments)

    def _one_of(self, choice: v.Choice, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        results: list[Value] = []

        def run(member: Function | Method | Bound) -> None:
            if isinstance(member, Bound):
                results.append(self.inline(member.method, node, arguments, member.cls, same_object=member.own))
                return
            if isinstance(member, Function):
                results.append(self.inline(member, node, arguments))
                return
            results.append(
                self.inline(member.function, node, arguments, member.cls, same_object=member.own, of_plain=True)
            )

        bound = sorted((m for m in choice.of if isinstance(m, Bound)), key=lambda m: m.method.node.lineno)
        self.alternatives(*(partial(run, member) for member in [*members_of(choice), *bound]))
        return v.join_all(results)

    def _note_methods(self, node: ast.Call, cls: Class, name: str, own: bool = False) -> None:
        """For a class that becomes a module where it can; its methods may be given modules where it cannot."""
        if is_plain(self.knowledge, cls):
            self.note(node, choice=v.Choice(frozenset(methods_below(self.knowledge, cls, name, own))))

    def _note_handed(self, node: ast.Call, arguments: dict[ast.expr, Value]) -> None:
        """A function that is handed to another one to run: nothing can be put in its place there."""
        handed = arguments[node.args[0]].ref if node.args else None
        if isinstance(handed, Function) or catalogue.is_function(handed):
            self.note(node, handed=handed)

    def _mapped(self, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        """What `map` gives at each turn."""
        function = arguments[node.args[0]].ref
        if not isinstance(function, Function):
            return v.ASSUMED if catalogue.is_function(function) else v.UNKNOWN
        turn = ast.copy_location(ast.Call(node.args[0], node.args[1:], []), node)
        self.frame.loops += 1
        found = self.inline(function, turn, {a: self.iterated(value) for a, value in arguments.items()})
        self.frame.loops -= 1
        return found

    def _passed_on(self, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        """`self.call(function, x)`, which is `function(x)` and has been rewritten already."""
        callee = arguments[node.args[0]]
        rest = ast.copy_location(ast.Call(node.args[0], node.args[1:], node.keywords), node)
        if (base := self._torch_base(rest)) is not None:
            return self.module_result(v.of(Kind.MODULE, ref=base), rest, arguments)
        ref = callee.ref
        if isinstance(ref, v.Objects):
            ref = v.Choice(frozenset(methods_meant(self.knowledge, ref.of, "__call__")))
        if isinstance(ref, Function) and callee.is_only(Kind.FUNCTION):
            return self.inline(ref, rest, arguments)
        if isinstance(ref, v.Choice) and ref.of:
            return self._one_of(ref, rest, arguments)
        return self._taken_for_tensor(node)

    def _taken_for_tensor(self, node: ast.Call) -> Value:
        """What a thing of unknown make gives for a tensor, until its use shows that it is something else."""
        key = f"{self.frame.function.file.module}:{node.lineno}:{node.col_offset}"
        return self.settled.get(key, Value(frozenset({Kind.TENSOR}), assumed=True, sources=frozenset({key})))


def classes_of(value: Value) -> frozenset[str]:
    """The full names of the classes, none of them a module's, that the value may be an object of."""
    if isinstance(value.ref, v.Objects):
        return value.ref.of
    return frozenset([value.ref.name] if isinstance(value.ref, Class) and value.may_be(Kind.OTHER) else [])
