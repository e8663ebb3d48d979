"""Attributes that a constructor sets by the names of its parameters: `set_attributes(self, locals())`."""

from __future__ import annotations

from rewriter.interpreter import binding
from rewriter.python.attributes import sets_locals
from rewriter.python.code import Function
from rewriter.python.hierarchy import own_name
from rewriter.python.project import Project
from rewriter.values.base import Value


def keeps_locals(init: Function) -> bool:
    """Whether it hands its variables and the object on; who reads an attribute that is not set gets an error."""
    own = own_name(init)
    return "locals" in init.words and own is not None and any(sets_locals(s, own) for s in init.node.body)


def kept_locals(project: Project, init: Function | None) -> dict[str, Value]:
    if init is None or not keeps_locals(init):
        return {}
    return dict(binding.of_call(project, init, {}, own_name(init)))
