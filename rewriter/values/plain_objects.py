"""Objects that are not modules: which methods a call of theirs may come to, and which of them compute for a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.python.answers import Question
from rewriter.python.code import Class, Function
from rewriter.values.base import Known

_PLAIN = Question[Class, bool]("is no object of the class a module?")

RUN_BY_CLASS = frozenset({"__call__", "__init__"})
"""Methods that code runs which says at most the name of the class."""

_HARMLESS_DUNDERS = frozenset({"__init__", "__repr__", "__str__"})


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
    return knowledge.project.answers.found(_PLAIN, cls, lambda: _is_plain(knowledge, cls))


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
