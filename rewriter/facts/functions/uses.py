"""Which code says the name of a function, a method or a table, and may mean it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from rewriter.facts.knowledge import Knowledge
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.trees import walk
from rewriter.values.plain_objects import helper_with, is_plain, may_help

Method = tuple[str, Class]
"""A method by its name, and the class whose objects have it."""
Named = Function | str | Method
"""A function, a table of functions by its name, or a method."""


def word_of(named: Named) -> str:
    if isinstance(named, Function):
        return named.node.name
    return named if isinstance(named, str) else named[0]


def files_using(knowledge: Knowledge, named: Named) -> Iterator[File]:
    """The files that may mean what is named; a method's say the name of its class, or of one below, or have one above.

    An object of unknown make is taken for one of the only class that has such a method.
    """
    project = knowledge.project
    if isinstance(named, Function):
        yield from project.files_meaning(named)
        return
    if isinstance(named, str):
        yield from project.files_mentioning(named)
        return
    name, cls = named
    if helper_with(knowledge, name) is cls:
        yield from project.files_mentioning(name)
        return
    family = {relative.node.name for relative in (cls, *knowledge.hierarchy.subclasses(cls))}
    around = {file for relative in sorted(family) for file in project.files_mentioning(relative, name)}
    around |= {base.file for base in knowledge.hierarchy.lineage(cls).project if name in base.file.words}
    yield from sorted(around, key=lambda file: file.path)


@dataclass
class _Said:
    """The names that some code reads, alone or behind a dot, and that no library outside of the project gives it."""

    anywhere: set[str] = field(default_factory=set)
    of_objects: set[str] = field(default_factory=set)
    """Those behind a dot that follows no module's name."""


_SAID = Question[Class | Function, _Said]("which names does the code read?")


def _said(knowledge: Knowledge, code: Class | Function) -> _Said:
    def find() -> _Said:
        said = _Said()
        module, full_name = knowledge.project.module, code.file.names.full_name
        functions = (node for node in walk(code.node) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        decorators = {id(n) for function in functions for d in function.decorator_list for n in walk(d)}
        for node in walk(code.node):
            if not isinstance(node, ast.Name | ast.Attribute) or id(node) in decorators:
                continue  # what decorates a function is called when that is defined
            full = full_name(node)
            if full is not None and not _is_of_project(knowledge, full):
                continue
            said.anywhere.add(node.id if isinstance(node, ast.Name) else node.attr)
            if isinstance(node, ast.Attribute) and (full is None or module(full.rpartition(".")[0]) is None):
                said.of_objects.add(node.attr)
        return said

    return knowledge.project.answers.found(_SAID, code, find)


def _is_of_project(knowledge: Knowledge, full_name: str) -> bool:
    """Whether the name is that of a file, or of what one has; a folder of files need not be a file itself."""
    parts = full_name.split(".")
    return any(knowledge.project.module(".".join(parts[:end])) is not None for end in range(1, len(parts) + 1))


def says(knowledge: Knowledge, user: Class | Function, named: Named) -> bool:
    """Whether the code may mean what is named; a function knows objects of classes that its file has or names alone.

    A method of a class above calls what its subclasses have.
    """
    if not isinstance(named, tuple):
        return word_of(named) in _said(knowledge, user).anywhere
    name, cls = named
    is_near = not isinstance(user, Function) or user.file is cls.file or cls.node.name in user.file.words
    above = knowledge.hierarchy.lineage(cls).project
    if isinstance(user, Function) and not is_near and user.owner not in above:
        return False
    return name in _said(knowledge, user).of_objects


def methods_saying(knowledge: Knowledge, cls: Class, named: Named) -> list[str]:
    """The methods that may mean it, where a run would follow a call of them."""
    saying = [(name, method) for name, method in cls.methods.items() if word_of(named) in method.words]
    followed = bool(saying) and (may_help(knowledge, cls) or is_plain(knowledge, cls))
    return [name for name, method in saying if (followed or method.is_static) and says(knowledge, method, named)]
