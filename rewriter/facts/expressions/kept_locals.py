"""Attributes that a constructor sets by the names of its parameters: `set_attributes(self, locals())`."""

from __future__ import annotations

from rewriter.facts.functions.received import functions_received
from rewriter.interpreter import binding
from rewriter.python.attributes import keeps_locals
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.values.base import Known, Value


def kept_locals(known: Known, cls: Class, init: Function | None) -> dict[str, Value]:
    if init is None or not keeps_locals(init):
        return {}
    given = dict(functions_received(known, init.owner or cls, init))
    return dict(binding.of_call(known.project, init, {}, own_name(init))) | given
