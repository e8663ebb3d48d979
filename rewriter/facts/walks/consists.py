"""What objects may consist of: all classes and functions that are named in the code that makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import Hierarchy, own_name
from rewriter.python.names import dotted
from rewriter.python.of_file import OfFile
from rewriter.python.registered import registered_under
from rewriter.python.trees import walk

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
    return hierarchy.project.answers.found(_NAMED, maker, lambda: tuple(_names_in(hierarchy, maker)))


_CALLED = Question[None, dict[str, list[Class]]]("which classes does the file define under each name?")


def _classes_of(file: File, name: str) -> Sequence[Class]:
    """A class may be defined in several branches of the file."""

    def find() -> dict[str, list[Class]]:
        called: dict[str, list[Class]] = {}
        for cls in file.classes:
            called.setdefault(cls.node.name, []).append(cls)
        return called

    return file.answers.found(_CALLED, None, find).get(name, ())


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
        yield from _meant(hierarchy, maker.file, path, named)


def _meant(hierarchy: Hierarchy, file: File, path: str, named: ast.expr) -> Iterator[Maker]:
    yield from _classes_of(file, path)
    name = file.names.searched_name(named)
    if name is None:
        return
    if (found := hierarchy.project.find(name)) is not None:
        yield found
    elif hierarchy.project.module(name.rpartition(".")[0]) is not None:
        yield from registered_under(hierarchy.project, name)


_PUT = Question[File, dict[str, set[Maker]]]("what does code put into objects that it holds, by attribute?")
_PUTS = r"(?<!self)\.\w+ *= *[\w.]*[A-Z]\w*\(|\bsetattr\("


def put_into_others(hierarchy: Hierarchy, attributes: Iterable[str]) -> frozenset[Maker]:
    """What `model.fc = Lora(model.fc)` and `setattr(model, "fc", Lora())` name, for attributes of these names."""
    project, asked = hierarchy.project, set(attributes)
    found = set[Maker]()
    for path in project.paths_matching(_PUTS):
        names = project.said_by(_PUT_IN, path)
        file = None if asked.isdisjoint(names) else project.file(path)
        if file is not None:
            put = project.answers.found(_PUT, file, partial(_put_in, hierarchy, file))
            found.update(maker for attribute in asked for maker in put.get(attribute, ()))
    return frozenset(found)


def _put_in(hierarchy: Hierarchy, file: File) -> dict[str, set[Maker]]:
    found: dict[str, set[Maker]] = {}
    for attribute, value in _put_by(file):
        parts = ((dotted(n), n) for n in walk(value) if isinstance(n, ast.Name | ast.Attribute))
        made = (m for at, n in parts if at is not None for m in _meant(hierarchy, file, ".".join(at), n))
        found.setdefault(attribute, set()).update(made)
    return found


def _put_by(file: File) -> Iterator[tuple[str, ast.expr]]:
    own = {own_name(method) for cls in file.classes for method in cls.methods.values()}
    for node in walk(file.source.tree):
        if isinstance(node, ast.Assign):
            targets = (target for target in node.targets if isinstance(target, ast.Attribute))
            others = (t for t in targets if not (isinstance(t.value, ast.Name) and t.value.id in own))
            yield from ((target.attr, node.value) for target in others)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr" and len(node.args) == 3:
            name = node.args[1]
            yield str(name.value) if isinstance(name, ast.Constant) else "", node.args[2]


_PUT_IN = OfFile[list[str]](
    "under which attributes does the file put something into objects that it holds?",
    find=lambda file: sorted({attribute for attribute, _ in _put_by(file)}),
    absent=[],
)
