"""What an object's attributes hold: its methods, and what is said of it elsewhere."""

from __future__ import annotations

import ast

from rewriter.python.attributes import operations_in
from rewriter.python.code import Class, Function
from rewriter.values.base import Call, Machine, Value
from rewriter.values.functions import Choice, NestedFunction, SomeFunction
from rewriter.values.plain_objects import is_plain, methods_below


def note_method_of_part(cls: Class, method: Function, machine: Machine, call: Call) -> None:
    """An object becomes a module where it can; its methods may be given modules where it cannot."""
    if method.owner is None:  # a decorator has put it there
        machine.note_choice(call.node, Choice(frozenset({method})))
        return
    plain = is_plain(machine.known, cls)
    choice = Choice(frozenset(methods_below(machine.known, cls, method.node.name))) if plain else None
    func = call.node.func
    holder = func.value if isinstance(func, ast.Attribute) else func
    if isinstance(holder, ast.Attribute) and machine.is_stored_on_own(holder):
        machine.note_part_method(call.node, holder.attr, cls, method, choice)
    elif choice is not None:
        machine.note_choice(call.node, choice)


def is_said_where_stored(value: Value) -> bool:
    """A constructor's own function, and any that has operations; of others, nobody reads what they call."""
    functions = [part for part in value.parts if isinstance(part, SomeFunction)]
    members = [member for function in functions for member in function.members]
    nested = [member for member in members if isinstance(member, NestedFunction)]
    is_said = any(one.around.is_constructor or operations_in(one.node, one.around) for one in nested)
    return is_said and len(nested) == len(members)
