"""What objects may consist of: all classes and functions that are named in the code that makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from rewriter.facts.answers import Question
from rewriter.facts.code import Class, File, Function
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.names import dotted
from rewriter.facts.trees import walk

Maker = Class | Function

_NAMED = Question[Maker, tuple[Maker, ...]]("which classes and functions does the code of this one name?")


def named_from(hierarchy: Hierarchy, makers: Iterable[Maker]) -> frozenset[Maker]:
    """The makers themselves, and all that they name, however far down."""
    waiting, found = list(makers), set[Maker]()
    while waiting:
        maker = waiting.pop()
        if maker not in found:
            found.add(maker)
            waiting += named_in(hierarchy, maker)
    return frozenset(found)


def named_in(hierarchy: Hierarchy, maker: Maker) -> tuple[Maker, ...]:
    answers = hierarchy.project.answers.to(_NAMED)
    if maker not in answers:
        answers[maker] = tuple(_names_in(hierarchy, maker))
    return answers[maker]


_CALLED = Question[None, dict[str, list[Class]]]("which classes does the file define under each name?")


def _classes_of(file: File, name: str) -> Sequence[Class]:
    """A class may be defined in several branches of the file."""
    answers = file.answers.to(_CALLED)
    if None not in answers:
        answers[None] = {}
        for cls in file.classes:
            answers[None].setdefault(cls.node.name, []).append(cls)
    return answers[None].get(name, ())


def _names_in(hierarchy: Hierarchy, maker: Maker) -> Iterator[Maker]:
    """What the maker's own code names, and the bases of a class, which answer for theirs."""
    if isinstance(maker, Class):
        yield from hierarchy.lineage(maker).project[1:]
    said = dict[str, ast.expr]()
    for node in walk(maker.node):
        if isinstance(node, ast.ClassDef):  # inside of another class
            yield from (cls for cls in _classes_of(maker.file, node.name) if cls.node is node and cls is not maker)
        elif isinstance(node, ast.Name | ast.Attribute) and (chain := dotted(node)) is not None:
            said.setdefault(".".join(chain), node)
    for path, named in said.items():
        yield from _classes_of(maker.file, path)
        name = maker.file.names.searched_name(named)
        if name is not None and isinstance(found := hierarchy.project.find(name), Class | Function):
            yield found
