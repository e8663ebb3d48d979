"""Dicts at module level whose values are functions of the project."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.python.function_tables import Table
from rewriter.values.base import Call, Machine, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.functions import Choice, SomeFunction
from rewriter.values.one_of import join_all
from rewriter.values.sequence import method_of_container

_OF_ANY_DICT = frozenset({"keys", "values", "items", "update", "copy", "setdefault"})


@dataclass(frozen=True, slots=True)
class FunctionTable(Dictionary):
    """The functions of its table are what it may hold."""

    table: Table | None = None

    @classmethod
    def of(cls, table: Table) -> FunctionTable:
        return cls(Choice(frozenset({table})), table)

    def beside(self, others: frozenset[type[Value]]) -> Value:
        return Dictionary(self.element)

    def method(self, machine: Machine, call: Call, func: ast.Attribute) -> Value | None:
        """A method of the table's own looks a function up, and may be given what to fall back on."""
        if func.attr in _OF_ANY_DICT:
            return method_of_container(self, machine, call, func)
        given = [value for value in call.arguments.values() if value.may_be(SomeFunction)]
        return join_all([self.member(), *given])
