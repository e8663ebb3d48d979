"""Code that goes through the modules of an object after new ones are made there, and would meet them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.walks.by_name import goes_by_owner
from rewriter.facts.walks.consists import named_from, named_in, put_into_others
from rewriter.facts.walks.of_modules import CHILDREN, DESCENDANTS, attributes_asked, handed_to_walkers, walks
from rewriter.facts.walks.one_more.new_ones import HAD_BY_NEW_ONES
from rewriter.python.answers import Lasting, Question
from rewriter.python.code import Class, File
from rewriter.python.hierarchy import Hierarchy
from rewriter.python.lasting import class_at, place_of, said_at, said_through_file
from rewriter.python.of_file import OfFile
from rewriter.python.project import Project
from rewriter.python.trees import walk
from rewriter.values.base import Value
from rewriter.values.modules import ProjectModule

_DEEP = DESCENDANTS | {"apply"}
_GOES_DEEP = r"\.(?:modules|named_modules|apply)\("


def walker_over(
    knowledge: Knowledge, cls: Class, made_early: bool = False, having: frozenset[str] = HAD_BY_NEW_ONES
) -> Class | None:
    """A class whose code would meet a new module of an object of `cls`, and may do otherwise for it.

    New modules are made behind the walks of their own `__init__`; `made_early` asks for those that are not, of which
    nobody must ask for an attribute that they have.
    """
    above = knowledge.hierarchy.lineage(cls).project
    if made_early and any(walks(knowledge.hierarchy, cls, by) for by in (CHILDREN, DESCENDANTS)):
        return cls
    if made_early and attributes_not_met(knowledge, cls) & having:
        return cls
    for relative in knowledge.hierarchy.sharing(cls):
        for method, _ in walks(knowledge.hierarchy, relative, CHILDREN):
            if method is not relative.constructor or relative not in above:
                return relative  # an __init__ that has been run when the modules are made meets none of them
    return deep_walker_over(knowledge, cls)


_NOT_MET = Question[Class | None, frozenset[str]]("which attributes do walks ask for that some new modules would have?")


def attributes_not_met(knowledge: Knowledge, cls: Class | None) -> frozenset[str]:
    """What walks that come to objects of `cls` ask whether modules have it: no new module there may have it.

    What functions are given may stand below any object: for None, those that any walk asks for.
    """

    def find() -> frozenset[str]:
        hierarchy, project = knowledge.hierarchy, knowledge.project
        relatives = hierarchy.sharing(cls) if cls is not None else ()
        near = [attributes_asked(hierarchy, relative) for relative in relatives]
        for place in walking_classes(project):
            asked = said_at(project, _ASKED, place, partial(attributes_asked, hierarchy))
            if asked and (cls is None or may_hold(knowledge, place, cls)):
                near.append(asked)
        return frozenset[str]().union(*near)

    return knowledge.project.answers.found(_NOT_MET, cls, find)


def last_walk(knowledge: Knowledge, cls: Class, body: list[ast.stmt]) -> int:
    """The position behind the last statement of an `__init__` that goes through the modules made so far."""
    nodes = {id(node) for by in (CHILDREN, DESCENDANTS) for _, node in walks(knowledge.hierarchy, cls, by)}
    nodes |= {id(call) for call in handed_to_walkers(knowledge.hierarchy, cls)}
    return max((i + 1 for i, statement in enumerate(body) if any(id(n) in nodes for n in walk(statement))), default=0)


_ASKED = Lasting[str, frozenset[str]]("what do the walks of a class ask whether modules have it?", sorted, frozenset)
_MET = Lasting[Path, Mapping[str, Sequence[str]]]("whose new modules does each walker of the file, or below it, meet?")


def deep_walker_over(knowledge: Knowledge, cls: Class) -> Class | None:
    """A class above, or one that holds such objects, which goes through all modules below it."""
    return next(_deep_walkers_over(knowledge, cls), None)


def _deep_walkers_over(knowledge: Knowledge, cls: Class) -> Iterator[Class]:
    project, place = knowledge.project, place_of(cls)

    def meeting(file: File) -> Mapping[str, Sequence[str]]:
        met = ((walker, _met(knowledge, walker)) for walker in _deep_walkers(knowledge, file))
        return {place_of(walker): sorted({place_of(c) for c in classes}) for walker, classes in met}

    for path in project.paths_matching(_GOES_DEEP):
        met = said_through_file(project, _MET, path, meeting, {})
        walkers = (class_at(project, walker) for walker, below in met.items() if place in below)
        yield from (walker for walker in walkers if not goes_by_owner(knowledge, walker, cls))


def _deep_walkers(knowledge: Knowledge, file: File) -> Iterator[Class]:
    hierarchy = knowledge.hierarchy
    for cls in dict.fromkeys(c for above in file.classes for c in (above, *hierarchy.subclasses(above))):
        if walks(hierarchy, cls, DESCENDANTS):
            yield cls


def _met(knowledge: Knowledge, walker: Class) -> Iterator[Class]:
    """The classes whose new modules stand below a walker when it walks."""
    hierarchy = knowledge.hierarchy
    yield from hierarchy.lineage(walker).project[1:]
    if any(method is not walker.constructor for method, _ in walks(hierarchy, walker, DESCENDANTS)):
        yield from hierarchy.sharing(walker)
    yield from _held(knowledge, walker)


def walker_holding_plain(knowledge: Knowledge, plain: Class) -> Class | None:
    """A class that goes through its children, and makes objects of one that is not a module: it would meet these."""
    hierarchy = knowledge.hierarchy
    files = knowledge.project.files_mentioning(plain.node.name)
    holders = (cls for file in files for cls in file.classes if cls is not plain and _names(hierarchy, cls, plain))
    return next((cls for cls in holders if walks(hierarchy, cls, CHILDREN)), None)


def _names(hierarchy: Hierarchy, cls: Class, other: Class) -> bool:
    return any(other in named_in(hierarchy, above) for above in hierarchy.lineage(cls).project)


_HOLDING = Lasting[str, frozenset[str] | None](
    "which classes does each that walks hold objects of?",
    lambda held: None if held is None else sorted(held),
    lambda held: None if held is None else frozenset(held),
)
_MANY = 300
"""A class that may hold objects of so many others is taken for one that holds them all."""


def _walking_in(file: File) -> list[str]:
    walking = (cls for cls in file.classes if any(method.words & _DEEP for method in cls.methods.values()))
    return [place_of(cls) for cls in walking]


_WALKING_IN = OfFile[list[str]]("which classes of the file go through their modules?", find=_walking_in, absent=[])


def walking_classes(project: Project) -> Iterator[str]:
    """The places of the classes that go through their modules in whatever way."""
    for path in project.paths_matching(_GOES_DEEP):
        yield from project.said_by(_WALKING_IN, path)


def may_hold(knowledge: Knowledge, walker: str, cls: Class) -> bool:
    """Whether objects of `cls` may stand below one of the class at a place, which walks."""

    def holding(found: Class) -> frozenset[str] | None:
        named = named_from(knowledge.hierarchy, [found, *knowledge.hierarchy.subclasses(found)])
        return frozenset(map(place_of, _held(knowledge, found))) if len(named) < _MANY else None

    held = said_at(knowledge.project, _HOLDING, walker, holding)
    return held is None or place_of(cls) in held


def _held(knowledge: Knowledge, walker: Class) -> Iterator[Class]:
    """The classes of the objects that may stand below a walker, with their bases: made there, or received."""
    hierarchy = knowledge.hierarchy
    pending, seen = {walker, *hierarchy.subclasses(walker)}, set[Class]()
    while pending:
        named = {part for part in named_from(hierarchy, pending) if isinstance(part, Class)}
        values = [value for holder in pending for value in knowledge.attributes(holder).values()]
        # what others put into an object once it is made, no walk of its constructor meets
        open_to_others = pending if seen or not _walks_while_made(knowledge, walker) else ()
        seen |= pending
        put = put_into_others(hierarchy, {name for holder in open_to_others for name in knowledge.attributes(holder)})
        named |= {part for part in put if isinstance(part, Class)}
        pending = (named | {part for value in values for part in _modules_in(value)}) - seen
        for part in pending:  # a plain class may become one of modules
            yield from hierarchy.lineage(part).project


def _walks_while_made(knowledge: Knowledge, walker: Class) -> bool:
    """Whether only its constructor goes through what is below an object."""
    found = walks(knowledge.hierarchy, walker, DESCENDANTS)
    return all(method is walker.constructor for method, _ in found)


def _modules_in(value: Value) -> Iterator[Class]:
    for member in value.held or (value,):
        if isinstance(member, ProjectModule):
            yield member.cls
