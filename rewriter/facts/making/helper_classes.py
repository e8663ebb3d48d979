"""Plain classes whose objects compute for a module that keeps them: whether they can become modules."""

from __future__ import annotations

import ast

from rewriter.facts.making.attribute_types import attribute_types, may_lose_type
from rewriter.facts.making.namespaces import goes_through_names, meets_new_names
from rewriter.python.code import Class
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.base import Known, Value
from rewriter.values.plain_objects import has_plain_form


def why_no_module(knowledge: Known, cls: Class) -> str | None:
    """Why the class cannot become a module: something would be registered, or hidden by nn.Module's own attributes."""
    if not has_plain_form(cls):
        return "it is not an nn.Module, and has bases, a decorator, special methods or no __init__"
    if below := knowledge.hierarchy.subclasses(cls):
        return f"it is not an nn.Module, and {below[0].node.name} derives from it"
    if not all(may_lose_type(knowledge, found) for found in attribute_types(knowledge, cls)):
        return "it is not an nn.Module, and TorchScript compiles it as an attribute's type"
    naming = knowledge.project.files_mentioning(cls.node.name)
    if any(map(goes_through_names, naming)) or meets_new_names(knowledge.project, cls.file):
        return "it is not an nn.Module, and code goes through the names of a file, where it would meet one more"
    held = knowledge.attributes(cls)
    if clash := sorted((held.keys() | cls.methods.keys()) & (MODULE_ATTRIBUTES - {"__init__"})):
        return f"it is not an nn.Module, and uses the name {clash[0]}, which means something else there"
    if any(isinstance(n, ast.Attribute) and n.attr in ("Parameter", "Buffer") for n in walk(cls.node)):
        return "it is not an nn.Module, and as one it would register its parameters"
    if unclear := sorted(name for name, value in held.items() if _may_be_registered(value)):
        return f"it is not an nn.Module, and as one it would register {unclear[0]}"
    return None


def is_attribute_type(knowledge: Known, cls: Class) -> bool:
    """Whether some class says that an attribute is of this class, which TorchScript then compiles."""
    return any(True for _ in attribute_types(knowledge, cls))


def _may_be_registered(value: Value) -> bool:
    """Modules and parameters would join the state_dict; so might what is not known."""
    return not value.known or value.is_some_module
