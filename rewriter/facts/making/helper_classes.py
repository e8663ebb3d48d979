"""Classes whose objects compute for a module that keeps them: other modules, and plain classes."""

from __future__ import annotations

import ast

from rewriter.facts.making.attribute_types import attribute_types, may_lose_type
from rewriter.facts.making.namespaces import goes_through_names, meets_new_names
from rewriter.python.code import Class
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.base import Known, Value

_HARMLESS_DUNDERS = frozenset({"__init__", "__repr__", "__str__"})


def helper_with(knowledge: Known, method: str) -> Class | None:
    """The one class of the project that has a method of that name, if its objects may compute for a module."""
    files = knowledge.project.files_defining(method)
    found = [cls for file in files for cls in file.classes if method in cls.methods]
    return found[0] if len(found) == 1 and may_help(knowledge, found[0]) else None


def may_help(knowledge: Known, cls: Class) -> bool:
    return knowledge.may_be_module(cls) or has_plain_form(cls)


def has_plain_form(cls: Class) -> bool:
    """No bases, decorators or special methods, and an `__init__` of its own."""
    bare = all(isinstance(base, ast.Name) and base.id == "object" for base in cls.node.bases)
    special = {name for name in cls.methods if name.startswith("__")} - _HARMLESS_DUNDERS
    return bare and not cls.node.keywords and not cls.node.decorator_list and not special and "__init__" in cls.methods


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
