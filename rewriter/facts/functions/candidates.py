"""Which classes may come to a function: those that name it, or what names it, and those below them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.functions.uses import Named, files_using, methods_saying, says, word_of
from rewriter.facts.knowledge import Knowledge
from rewriter.python.answers import Question
from rewriter.python.code import Class, Function
from rewriter.python.function_tables import tables_with
from rewriter.python.given_methods import given_by
from rewriter.python.patched import ENTRIES, put_in_place_of_forward
from rewriter.python.trees import walk
from rewriter.values.base import Value
from rewriter.values.functions import Choice, SomeFunction
from rewriter.values.plain_objects import RUN_BY_CLASS

Maker = Class | Function
_DEEPEST = 3  # how often a function may be handed on from one constructor to another
_RUN = frozenset({"forward", "__init__"})
_SAID_BY_FORWARD = Question[Class, set[str]]("which names does the forward come to?")


def candidates(knowledge: Knowledge, function: Function, said: dict[Class, set[str]]) -> Iterator[Class]:
    """Classes that name the function, or a function or method that names it; then the classes below them.

    `said` is told which of these names each class says.
    """
    done, pending, methods = set[Named](), _names_of(knowledge, function), list[Named]()
    project, seen, makers = knowledge.project, set[Class](), list[Function]()
    while pending or methods:
        named = pending.pop(0) if pending else methods.pop(0)
        if named in done:
            continue
        done.add(named)
        word = word_of(named)
        for file in files_using(knowledge, named):
            pending += tables_with(project, file, word)
            for user in file.users.get(word, ()):
                if not says(knowledge, user, named):
                    continue
                if isinstance(user, Function):
                    pending.append(user)
                    makers.append(user)
                    yield from given_by(user)
                    continue
                all_saying = methods_saying(knowledge, user, named)
                saying = [name for name in all_saying if name not in _RUN]
                caller = _calling(knowledge, user, named)
                methods += [(name, caller) for name in saying if name != "__call__"]
                is_said = "__init__" in all_saying or word in user.stated
                if "__call__" in saying or (is_said and not knowledge.may_be_module(user)):
                    pending += _class_names(knowledge, user)
                if not _may_mean(knowledge, user, named):
                    continue
                said.setdefault(caller, set()).update({word}, saying)
                if caller not in seen and _may_run(knowledge, caller, {word}):
                    seen.add(caller)
                    yield caller
    yield from _given_it(knowledge, function, [*said, *makers], seen)
    for user, words in said.items():
        below = [cls for cls in knowledge.hierarchy.subclasses(user) if cls not in seen]
        found = [cls for cls in below if _may_run(knowledge, cls, words)]
        seen.update(found)
        yield from found


def _calling(knowledge: Knowledge, user: Class, named: Named) -> Class:
    """The class whose objects call what a class names: where one above calls `self.part()`, the one that has it."""
    is_above = isinstance(named, tuple) and user in knowledge.hierarchy.lineage(named[1]).project
    return named[1] if isinstance(named, tuple) and is_above else user


def _given_it(knowledge: Knowledge, function: Function, makers: list[Maker], seen: set[Class]) -> Iterator[Class]:
    """Classes whose constructors are handed the function, or its object, by others: they keep it or hand it on."""
    pending = [(maker, 0) for maker in makers]
    while pending:
        maker, depth = pending.pop(0)
        for cls in _made_by(knowledge, maker) if depth < _DEEPEST else ():
            kept = _kept_by(knowledge, cls) if cls not in seen else ()
            if any(_is_of(part, function) for value in kept for part in value.parts):
                seen.add(cls)
                pending.append((cls, depth + 1))
                yield cls


def _kept_by(knowledge: Knowledge, cls: Class) -> Iterator[Value]:
    """What its constructor comes to, and what it keeps of what it is given."""
    yield from knowledge.construction(cls).met.values.values()
    yield from knowledge.attributes(cls).values()


def _is_of(value: Value, function: Function) -> bool:
    """Whether it is the function, or an object that has it for its `__call__`."""
    if isinstance(value, SomeFunction):
        return function in Choice(value.members).functions
    return function.owner is not None and function.owner.name in value.class_names


def _made_by(knowledge: Knowledge, maker: Maker) -> Iterator[Class]:
    """The classes of modules of which a constructor, or a function, makes objects."""
    init = maker.constructor if isinstance(maker, Class) else maker
    for node in walk(init.node) if init is not None else ():
        name = init.name_inside(node.func) if isinstance(node, ast.Call) and init is not None else None
        found = knowledge.project.find(name) if name is not None else None
        if isinstance(found, Class) and knowledge.may_be_module(found):
            yield found


def _names_of(knowledge: Knowledge, function: Function) -> list[Named]:
    """What code says that calls the function; of an object that is called, it says at most the class."""
    cls = function.owner
    if cls is None or function.is_static:
        return [function]
    if function.node.name not in RUN_BY_CLASS:
        return [(function.node.name, cls)]
    return _class_names(knowledge, cls)


def _class_names(knowledge: Knowledge, cls: Class) -> list[Named]:
    return [c.node.name for c in (*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls))]


def _may_run(knowledge: Knowledge, cls: Class, names: set[str]) -> bool:
    """Whether a forward says one of the names, or an `__init__` that may have put it into a module already."""
    inits = (base.constructor for base in knowledge.hierarchy.lineage(cls).project)
    made = any(init is not None and names & init.words for init in inits)
    stated = any(names & base.stated for base in knowledge.hierarchy.lineage(cls).project)
    return made or stated or bool(names & said_by_forward(knowledge, cls))


def _may_mean(knowledge: Knowledge, user: Class, named: Named) -> bool:
    """Whether a class that says the name of a static method is one of the family, or names one that has it."""
    if not isinstance(named, Function) or not named.is_static:
        return True
    owner = named.owner
    assert owner is not None
    return owner in knowledge.hierarchy.lineage(user).project or owner.node.name in user.file.words


def said_by_forward(knowledge: Knowledge, cls: Class) -> set[str]:
    """Every name in a class's forward, and in its methods and the functions beside it that forward comes to by name."""

    def find() -> set[str]:
        lineage = knowledge.hierarchy.lineage(cls)
        said, done, pending = set[str](), set[str](), {*ENTRIES, *put_in_place_of_forward(knowledge.project)}
        while pending:
            name = pending.pop()
            done.add(name)
            function = lineage.method(name) or cls.file.functions.get(name)
            if function is not None:
                said |= function.words
                pending |= function.words - done
        return said

    return knowledge.project.answers.found(_SAID_BY_FORWARD, cls, find)
