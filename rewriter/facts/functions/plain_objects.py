"""Objects that are not modules: which methods a call of theirs may come to, and which of these may be given modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.making.helper_classes import is_attribute_type
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.names import bound_names
from rewriter.python.project import Project
from rewriter.python.trees import walk
from rewriter.python.type_comments import annotation_of
from rewriter.values.base import Known

_PLAIN = Question[Class, bool]("is no object of the class a module?")

RUN_BY_CLASS = frozenset({"__call__", "__init__"})
"""Methods that code runs which says at most the name of the class."""

# TorchScript compiles a class whose methods have none of these.
_NEVER_SCRIPTED = (ast.Lambda, ast.Try, ast.Yield, ast.YieldFrom, ast.Await, ast.Starred, ast.Global, ast.Nonlocal)


@dataclass(frozen=True)
class Method:
    """A method of an object that is not a module, as a value."""

    function: Function
    cls: Class
    """The nearest class that the object is known to be of."""
    called_on: Class
    """The class through which it was found: the method is its own, or overrides its own."""
    own: bool = False
    """The object is the one whose method reads it."""


def is_plain(knowledge: Known, cls: Class) -> bool:
    """Whether no object of the class is a module, nor anything else that torch has made a class for."""
    answers = knowledge.project.answers.to(_PLAIN)
    if cls not in answers:
        answers[cls] = _is_plain(knowledge, cls)
    return answers[cls]


def _is_plain(knowledge: Known, cls: Class) -> bool:
    if knowledge.may_be_module(cls) or knowledge.hierarchy.lineage(cls).torch:
        return False
    return not any(knowledge.may_be_module(below) for below in knowledge.hierarchy.below(cls))


def methods_meant(knowledge: Known, names: frozenset[str], attribute: str) -> Iterator[Method]:
    """What `attribute` may be as a method of objects of these classes, or of classes below them."""
    if not knowledge.project.may_define(attribute):
        return
    found = (knowledge.project.find(name) for name in sorted(names))
    for cls in found:
        if isinstance(cls, Class) and is_plain(knowledge, cls):
            yield from methods_below(knowledge, cls, attribute)


def properties_meant(knowledge: Known, names: frozenset[str], attribute: str) -> Iterator[Method]:
    """What reading the attribute runs, for objects of these classes."""
    if not knowledge.project.may_define(attribute):
        return
    for name in sorted(names):
        cls = knowledge.project.find(name)
        if isinstance(cls, Class) and is_plain(knowledge, cls):
            read = knowledge.hierarchy.lineage(cls).method(attribute)
            if read is not None and read.is_property:
                yield Method(read, cls, cls)


def methods_below(knowledge: Known, cls: Class, attribute: str, own: bool = False) -> Iterator[Method]:
    inherited = knowledge.hierarchy.lineage(cls).method(attribute)
    if inherited is not None and _takes_object(inherited):
        yield Method(inherited, cls, cls, own)
    for below in knowledge.hierarchy.subclasses(cls):
        if attribute in below.methods and _takes_object(below.methods[attribute]):
            yield Method(below.methods[attribute], below, below if inherited is None else cls, own)


def _takes_object(method: Function) -> bool:
    return not method.is_static and not method.is_property and "abc.abstractmethod" not in method.decorators


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
    parameters = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
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
