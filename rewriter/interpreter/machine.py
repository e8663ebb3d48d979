"""A run: where it is, what it has met, the handlers for each kind of node, and what values may ask."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rewriter.interpreter.activations import Activations
from rewriter.interpreter.context import Context
from rewriter.interpreter.notes import Notes
from rewriter.interpreter.operations import Operations
from rewriter.interpreter.own_by_name import always_had
from rewriter.interpreter.self_call import runs_itself
from rewriter.interpreter.supers import super_method, torch_base
from rewriter.python.attributes import changed_later
from rewriter.python.code import Class, Function, FunctionNode
from rewriter.python.loops import is_settled, may_repeat
from rewriter.python.members import loops_beside, member_of
from rewriter.python.names import part_of
from rewriter.python.trees import is_left_to_others
from rewriter.values.base import UNKNOWN, Call, Known, Value
from rewriter.values.computed import is_idle
from rewriter.values.functions import BoundMethod, Choice, SomeFunction, one_of_methods
from rewriter.values.modules import Module
from rewriter.values.one_of import join_all
from rewriter.values.output import OUTPUT
from rewriter.values.plain import NONE
from rewriter.values.plain_objects import Method, helper_with, is_plain, methods_below, methods_meant
from rewriter.values.target import Target
from rewriter.values.tensor import holds_tensor, of_operation, taken_for_tensor

Expressions = Mapping[type[ast.AST], Callable[["Machine", Any], Value]]
Statements = Mapping[type[ast.AST], Callable[["Machine", Any], None]]


class Machine:
    def __init__(
        self, known: Known, settled: dict[str, Value], expressions: Expressions, statements: Statements
    ) -> None:
        self.context = Context(known, settled)
        self.notes = Notes(self.context)
        self.operations = Operations(self.context, self.notes)
        self.activations = Activations(self.context, self.run_body, self.evaluate)
        self._expressions = expressions
        self._statements = statements

    # Nodes

    def evaluate(self, node: ast.expr) -> Value:
        value = self._expressions[node.__class__](self, node)
        self.context.met.value(node, value)
        return value

    def run_body(self, body: list[ast.stmt]) -> None:
        """Runs the body of a function, whose end ends no path of the one around it."""
        ended, self.context.ended = self.context.ended, False
        self.run_block(body)
        self.context.ended = ended

    def run_block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if self.context.ended:
                return  # what stands behind a return is never run
            self.context.frame.statement = statement
            self._statements[statement.__class__](self, statement)

    # What values ask of the place

    @property
    def known(self) -> Known:
        return self.context.known

    @property
    def function(self) -> Function:
        return self.context.function

    @property
    def of_plain(self) -> bool:
        return self.context.of_plain

    def is_own(self, node: ast.expr) -> bool:
        return self.context.is_own(node)

    def is_stored_on_own(self, node: ast.expr) -> bool:
        return self.context.is_stored_on_own(node)

    def is_setting(self, cls: Class, attribute: str) -> bool:
        return not self.context.sets_up and attribute not in changed_later(self.known.hierarchy, cls)

    def stored(self, node: ast.Attribute) -> Value | None:
        return self.context.stored(node)

    def global_name(self, node: ast.expr) -> str | None:
        return self.context.global_name(node)

    def torch_base(self, node: ast.Call) -> str | None:
        return torch_base(self.context, node)

    def taken_for_tensor(self, node: ast.Call) -> Value:
        key = f"{self.function.file.module}:{node.lineno}:{node.col_offset}"
        shown = self.context.shown(key)
        if shown is UNKNOWN:  # it has what no tensor has
            return OUTPUT
        return shown or taken_for_tensor(key)

    def demand(self, value: Value, needed: Value) -> None:
        self.context.demand(value, needed)

    def made_here(self, node: ast.expr) -> frozenset[str]:
        return self.context.made_here(node)

    def written(self, value: Value, *sources: Value) -> None:
        self.context.written(value, *sources)

    def store(self, attribute: str, value: Value) -> None:
        self.context.store(attribute, value)

    def widen(self, holder: ast.expr, value: Value) -> None:
        self.context.widen(holder, value)

    # What they ask for to be run

    def attribute_of(self, receiver: Value, node: ast.Attribute) -> Value:
        if (upper := super_method(self.context, node)) is not None:
            if upper.is_property:
                return self.activations.of_property(Target(upper, self.context.cls), node)
            if self.of_plain:
                return self.upper_of_plain(upper)
            if self.context.cls is not None and not upper.is_static:
                return BoundMethod(upper, self.context.cls, own=True)
        found = receiver.attribute(self, node)
        return UNKNOWN if found is None else found

    def upper_of_plain(self, method: Function) -> Choice:
        """`super().method`, in the class of an object that is not a module."""
        assert method.owner is not None and self.context.cls is not None
        found = one_of_methods([Method(method, self.context.cls, method.owner, own=True)])
        assert found is not None
        return found

    def call_value(self, callee: Value, call: Call) -> Value:
        found = runs_itself(self, self.context, callee, call)
        found = callee.call(self, call) if found is None else found
        return UNKNOWN if found is None else found

    def run_function(self, target: Target, call: Call) -> Value:
        if call.node in self.context.again and self.activations.runs_again(target, call.node):
            self.notes.method_again(call.node, target.function)
        found = self.activations.of_call(target, call)
        left_open = target.cls is not None and is_left_to_others(target.function.node.body)
        return self.taken_for_tensor(call.node) if left_open and found == NONE else found

    def read_property(self, target: Target, node: ast.Attribute) -> Value:
        return self.activations.of_property(target, node)

    def run_nested(self, node: ast.Lambda | FunctionNode, around: Function, call: Call) -> Value:
        if around is self.context.function:
            return self.activations.of_nested(node, call)
        self.note_unknown_call(call.node, call.arguments.values())  # among variables of a run that is over
        return UNKNOWN

    def run_handed_out(self, call: Call) -> None:
        self.activations.of_handed_out(call)

    def alternatives(self, *ways: Callable[[], object]) -> None:
        self.context.alternatives(*ways)

    def in_loop(self, run: Callable[[], Value]) -> Value:
        return self.context.in_loop(run)

    def operation(self, name: str, call: Call, receiver: ast.expr | None, operands: list[Value]) -> Value | None:
        return self.operations.called(name, call, receiver, operands)

    def foreign_operation(self, name: str, call: Call, holder: ast.expr) -> Value | None:
        return self.operations.foreign(name, call, holder)

    def method_of_unknown(self, call: Call, func: ast.Attribute, receiver: Value) -> Value | None:
        """A method of something unknown is that of the one class that has it, if an attribute keeps such an object."""
        name, known = func.attr, self.known
        if self.is_stored_on_own(func.value) and (helper := helper_with(known, name)) is not None:
            if is_plain(known, helper):
                self.notes.choice(call.node, Choice(frozenset(methods_below(known, helper, name))))
            return self.run_function(Target(helper.methods[name], helper, own=False), call)
        if (choice := one_of_methods(methods_meant(known, receiver.class_names, name))) is not None:
            return self.call_value(choice, call)
        candidates = self.operations.of_unknown(f"torch.Tensor.{name}", call, func.value)
        if candidates and not receiver.has_name and not receiver.is_fixed:
            self.notes.operation(call.node, candidates, tensor=False)
            operands = [receiver, *call.arguments.values()]
            return join_all([of_operation(row.targets[0], row.returns, operands) for row, _ in candidates])
        self.note_unknown_call(call.node, call.arguments.values())
        return UNKNOWN

    # What they have noted

    def note_any_operation(self, node: ast.Call) -> None:
        self.notes.any_operation(node)

    def note_module_call(self, node: ast.Call, attribute: str, value: Value) -> None:
        self.notes.module_call(node, attribute, value)

    def note_part_call(self, node: ast.Call, value: Value) -> None:
        func = node.func
        if (attribute := always_had(self.context, func)) is not None:
            self.notes.module_call(node, attribute, value)
            return
        if not value.may_be(Module):
            return
        if (part := part_of(func, self.context.is_own)) is not None:
            self.notes.part_call(node, part)
        elif (member := member_of(func, self.function.node, self.context.is_own)) is not None:
            self.notes.part_call(node, member.path, member)
        elif isinstance(func, ast.Subscript) and self.is_stored_on_own(func.value):
            self._note_member_call(node, func, value)
        elif isinstance(func, ast.Name) and value.known and any(loops_beside(func, self.function.node)):
            self.notes.part_call(node, f" {func.id} in line {func.lineno}")

    def _note_member_call(self, node: ast.Call, func: ast.Subscript, value: Value) -> None:
        assert isinstance(func.value, ast.Attribute)
        if may_repeat(func.slice, self.function.node):
            self.notes.member_call(node, func.value.attr, value, func.slice)
        elif is_settled(func.slice, self.function.node):
            self.notes.part_call(node, f".{func.value.attr}[{ast.unparse(func.slice)}]")

    def note_part_method(
        self, node: ast.Call, attribute: str, cls: Class, callee: Function, choice: Value | None
    ) -> None:
        assert choice is None or isinstance(choice, Choice)
        self.notes.part_method(node, attribute, cls, callee, choice)

    def note_kept_function(self, node: ast.Call, attribute: str, value: Value, function: Value) -> None:
        assert isinstance(function, SomeFunction)
        self.notes.kept_function(node, attribute, value, function)

    def note_function_call(self, node: ast.Call, function: Function) -> None:
        self.notes.function_call(node, function)

    def note_outside_call(self, node: ast.Call, name: str) -> None:
        self.notes.outside_call(node, name)

    def note_unknown_call(self, node: ast.Call, given: Iterable[Value]) -> None:
        if any(holds_tensor(value) and not value.is_fixed for value in given):
            self.notes.unknown_call(node)
            if isinstance(node.func, ast.Attribute):
                self.context.met.unknown_methods.add(node.func.attr)

    def note_choice(self, node: ast.Call, choice: Value) -> None:
        assert isinstance(choice, Choice)
        self.notes.choice(node, choice)

    def note_handed(self, node: ast.Call, function: Function | str) -> None:
        self.notes.handed(node, function)

    def note_mapped(self, node: ast.Call, attribute: str, value: Value) -> None:
        self.notes.mapped(node, attribute, value)

    def note_differentiated(self, node: ast.Call, name: str) -> None:
        self.notes.differentiated(node, name)

    def note_module_otherwise(self, node: ast.Call, value: Value, given: Iterable[Value]) -> None:
        if isinstance(value, Module) and value.read_from:
            self.notes.by_another_name(node, value.read_from)
        elif value.has_name and isinstance(node.func, ast.Call | ast.Name) and not is_idle(list(given)):
            self.notes.new_module(node)

    def note_nothing(self, node: ast.Call) -> None:
        self.notes.nothing(node)

    def note_at_file_level(self, node: ast.Call) -> None:
        self.notes.at_file_level(node)
