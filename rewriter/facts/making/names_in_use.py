"""Attribute names that a new attribute must not take: those that classes say, and those that they make up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import partial

from rewriter.facts.walks.of_modules import CHILDREN, DESCENDANTS
from rewriter.python.answers import Question
from rewriter.python.code import Class, File
from rewriter.python.hierarchy import REGISTERING, Hierarchy, own_name
from rewriter.python.text_patterns import ANY, pattern_of, says_something, text_of
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

_READING = frozenset({"getattr", "hasattr"})
_BY_NAME = _READING | {"setattr", "delattr"}
_GIVEN_NAMES = frozenset({"__getattr__", "__getattribute__", "__setattr__", "__delattr__"})
_NAMES_OF_ITS_OWN = CHILDREN | DESCENDANTS | _BY_NAME | {"vars", "dir", "__dict__", "state_dict", "load_state_dict"}
_SHORT = "[a-z]+[0-9]*"
"""What a base class out of sight may well have: `log`, `add`, `sum`."""


class TakenNames(set[str]):
    """Names, and patterns of names: those of `setattr(self, f"relu{i}", ...)`."""

    def __init__(self, names: frozenset[str] = MODULE_ATTRIBUTES) -> None:
        super().__init__(names)
        self.patterns: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or any(re.fullmatch(pattern, str(name)) for pattern in self.patterns)


def taken_names(hierarchy: Hierarchy, cls: Class) -> TakenNames:
    """The names that mean something on an object of the class, by whichever class."""
    taken = TakenNames()
    if hierarchy.lineage(cls).unseen:
        taken.patterns.add(_SHORT)
    taken |= _given_from_outside(hierarchy, cls)
    for relative in hierarchy.sharing(cls):
        taken |= _said(relative) | _compared(relative) | hierarchy.lineage(relative).reserved
        taken.patterns |= {f"{re.escape(text)}.*" for text in _beginnings(relative)}
        patterns = {pattern for name in _names_given(relative) for pattern in _patterns(name, relative)}
        taken.patterns |= {pattern for pattern in patterns if says_something(pattern)}
        if not all(map(says_something, patterns)):
            users = hierarchy.project.files_mentioning(cls.node.name) if relative is cls else ()
            taken |= _words_in({relative.file, *users})
    return taken


_GIVEN = Question[File, frozenset[str]]("which names does code in the file set on objects of any kind?")


def _given_from_outside(hierarchy: Hierarchy, cls: Class) -> set[str]:
    """The names that code around a class sets on objects of any kind, and those of classes with an unknown base."""
    answers, files = hierarchy.project.answers, hierarchy.project.files_mentioning(cls.node.name)
    given = (answers.found(_GIVEN, file, partial(_given_in, hierarchy, file)) for file in files)
    return set().union(*given)


def _given_in(hierarchy: Hierarchy, file: File) -> frozenset[str]:
    nodes = (n for n in walk(file.source.tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store))
    given = {node.attr for node in nodes if not (isinstance(node.value, ast.Name) and node.value.id == "self")}
    unclear = (cls for cls in file.classes if hierarchy.lineage(cls).unseen)
    return frozenset(given.union(*map(_said, unclear)))


def _said(cls: Class) -> set[str]:
    """Every attribute name that the class defines, or uses on its own object, and what `locals()` may set there."""
    found = {s.name for s in cls.node.body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    for statement in cls.node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        found.update(t.id for t in targets if isinstance(t, ast.Name))
    own = {"self", *(own_name(method) for method in cls.methods.values())}
    for node in walk(cls.node):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in own:
            found.add(node.attr)
    return found.union(*(method.locals for method in cls.methods.values() if "locals" in method.words))


def _compared(cls: Class) -> set[str]:
    """The texts that methods compare something with that may be the name of a child or attribute."""
    methods = (m for name, m in cls.methods.items() if name in _GIVEN_NAMES or m.words & _NAMES_OF_ITS_OWN)
    compared = (n for method in methods for n in walk(method.node) if isinstance(n, ast.Compare))
    texts = (text_of(part) for node in compared for part in walk(node) if isinstance(part, ast.Constant))
    return {text for text in texts if text is not None and text.isidentifier()}


def _beginnings(cls: Class) -> Iterator[str]:
    """What the code of a class asks the names of children to begin with: `name.startswith("aux_")`."""
    loops = (n for m in cls.methods.values() if m.words & CHILDREN for n in walk(m.node) if isinstance(n, ast.For))
    for node in (n for loop in loops for n in walk(loop)):
        func = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and isinstance(func, ast.Attribute) and func.attr == "startswith":
            yield from _said_to_begin(node)


def _said_to_begin(call: ast.Call) -> list[str]:
    """The texts that `name.startswith(...)` asks for."""
    given = call.args[0] if len(call.args) == 1 else None
    texts = given.elts if isinstance(given, ast.Tuple) else [given]
    found = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
    return found if len(found) == len(texts) and all(found) else []


def _names_given(cls: Class) -> Iterator[ast.expr]:
    """The names in calls that set an attribute by its name, or ask for one that may not be there."""
    for node in walk(cls.node):
        if isinstance(node, ast.Subscript) and _is_dict_of_object(node.value):
            yield node.slice
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and _is_dict_of_object(node.func.value):
            yield from node.args[:1]
            yield from (ast.Constant(keyword.arg) for keyword in node.keywords if keyword.arg is not None)
        elif isinstance(node.func, ast.Name) and node.func.id in _BY_NAME:
            expects_it = node.func.id == "getattr" and len(node.args) == 2 and text_of(node.args[1]) is None
            yield from () if expects_it else node.args[1:2]
        elif isinstance(node.func, ast.Attribute) and node.func.attr in REGISTERING:
            yield from node.args[:1]
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "__setattr__":
            yield from node.args[-2:-1]  # `super().__setattr__(name, value)`, `object.__setattr__(self, name, value)`


def _is_dict_of_object(node: ast.expr) -> bool:
    """`self.__dict__`, `vars(self)`"""
    called = node.func if isinstance(node, ast.Call) else None
    of_object = isinstance(called, ast.Name) and called.id == "vars"
    return of_object or (isinstance(node, ast.Attribute) and node.attr == "__dict__")


def _patterns(name: ast.expr, cls: Class) -> Iterator[str]:
    """What an expression for a name may give, also by way of variables."""
    if not isinstance(name, ast.Name):
        yield pattern_of(name)
        return
    assigned = [
        node.value
        for node in walk(cls.node)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name.id for t in node.targets)
    ]
    yield from map(pattern_of, assigned) if assigned else [ANY]


def _words_in(files: Iterable[File]) -> set[str]:
    """What a name may be that comes from elsewhere: the words in texts of the files that know the class."""
    texts = (text_of(n) for file in files for n in walk(file.source.tree) if isinstance(n, ast.Constant))
    return {text for text in texts if text is not None and text.isidentifier()}
