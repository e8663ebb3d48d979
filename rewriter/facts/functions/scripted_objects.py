"""Objects that are not modules, and that TorchScript may come to compile; what a file calls their class."""

from __future__ import annotations

import ast

from rewriter.facts.making.helper_classes import is_attribute_type
from rewriter.python.code import Class, File, Function
from rewriter.python.names import bound_names
from rewriter.python.project import Project
from rewriter.python.trees import named_parameters, walk
from rewriter.python.type_comments import annotation_of
from rewriter.values.base import Known

# TorchScript compiles a class whose methods have none of these.
_NEVER_SCRIPTED = (ast.Lambda, ast.Try, ast.Yield, ast.YieldFrom, ast.Await, ast.Starred, ast.Global, ast.Nonlocal)


def class_name(project: Project, file: File, cls: Class, hidden: frozenset[str]) -> str | None:
    """What a file calls a class of the project once it is imported."""
    for statement in file.source.tree.body:
        if isinstance(statement, ast.ClassDef | ast.ImportFrom):
            for name in sorted(bound_names(statement) - hidden):
                meaning = file.names.meaning(name)
                if meaning is not None and project.find(meaning) is cls:
                    return name
    return None


def may_be_scripted(knowledge: Known, cls: Class) -> bool:
    """Whether TorchScript may come to compile a class of the family: it could, and somebody says its name for that."""
    family = [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]
    return any(_could_be_scripted(relative) and _is_meant_to_be(knowledge, relative) for relative in family)


def _could_be_scripted(cls: Class) -> bool:
    derives = any(not isinstance(base, ast.Name) or base.id != "object" for base in cls.node.bases)
    methods = cls.methods.values()  # where `super` means nothing to TorchScript
    return not derives and not any(_is_too_much(method) or "super" in method.words for method in methods)


def _is_meant_to_be(knowledge: Known, cls: Class) -> bool:
    files = knowledge.project.files_mentioning(cls.node.name)
    return is_attribute_type(knowledge, cls) or any(_types_or_makes(file, cls) for file in files)


def _is_too_much(method: Function) -> bool:
    """Whether TorchScript cannot compile it: a parameter without a type is a tensor there, and has no other default."""
    spec = method.node.args
    parameters = named_parameters(spec)
    untyped = {parameter.arg for parameter in parameters if annotation_of(method, parameter) is None}
    if spec.vararg or spec.kwarg or untyped & method.defaults.keys():
        return True
    return any(isinstance(n, _NEVER_SCRIPTED) or _is_by_key(n, untyped) for n in walk(method.node))


def _is_by_key(node: ast.AST, untyped: set[str]) -> bool:
    """`inputs["images"]` of what would be a tensor."""
    of_untyped = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in untyped
    key = node.slice if isinstance(node, ast.Subscript) and of_untyped else None
    return isinstance(key, ast.Constant) and isinstance(key.value, str)


def _types_or_makes(file: File, cls: Class) -> bool:
    """`def forward(self, state: State)`, or `State(x)` in a function that is not an `__init__`."""
    methods = [method for other in file.classes for method in other.methods.values()]
    for function in [*file.functions.values(), *methods]:
        if cls.node.name not in function.words or function.owner is cls or _is_too_much(function):
            continue
        for node in walk(function.node):
            made = node.func if isinstance(node, ast.Call) and function.node.name != "__init__" else None
            named = node.annotation if isinstance(node, ast.arg | ast.AnnAssign) else made
            if named is not None and cls.node.name in {getattr(n, "id", getattr(n, "attr", None)) for n in walk(named)}:
                return True
    return False
