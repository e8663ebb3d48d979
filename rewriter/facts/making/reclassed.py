"""Objects that become of another class once they are made: `layer.__class__ = Monotonic` runs no `__init__`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.guarded_classes import is_guarded
from rewriter.python.answers import Question
from rewriter.python.code import Class, File
from rewriter.python.trees import walk


@dataclass(frozen=True)
class _Turned:
    """Where an object becomes one of a class."""

    file: File
    node: ast.AST
    given: ast.expr
    """The object."""
    cls: Class


_TURNED = Question[None, list[_Turned]]("which classes does code put objects of another class into?")


def turned_into(knowledge: Knowledge, cls: Class) -> str | None:
    """Where an object that may never have run the class's `__init__` becomes one of the class, or of one below it."""
    for turned in _all_turned(knowledge):
        is_one = cls in knowledge.hierarchy.lineage(turned.cls).project
        if is_one and not is_guarded(knowledge, turned.file, turned.node, turned.given, cls):
            line = getattr(turned.node, "lineno", 0)
            return f"{turned.file.path.name}:{line} makes other objects {turned.cls.node.name}s, without its __init__"
    return None


def _all_turned(knowledge: Knowledge) -> list[_Turned]:
    def find() -> list[_Turned]:
        return [
            _Turned(file, node, given, found)
            for file in knowledge.project.files_mentioning("__class__")
            for node, given, value in _set_classes(file.source.tree)
            for named in _classes_said(file, value)
            if isinstance(found := knowledge.project.find(named), Class)
        ]

    return knowledge.project.answers.found(_TURNED, None, find)


def _set_classes(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.expr, ast.expr]]:
    """`x.__class__ = value` and `object.__setattr__(x, "__class__", value)`: where, the object, the value."""
    for node in walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr == "__class__":
                    yield node, target.value, node.value
        if isinstance(node, ast.Call) and len(node.args) == 3:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            said = node.args[1]
            if name in ("setattr", "__setattr__") and isinstance(said, ast.Constant) and said.value == "__class__":
                yield node, node.args[0], node.args[2]


def _classes_said(file: File, value: ast.expr) -> set[str]:
    """The full names in the value; of a variable, those in all that the file assigns to one of the name."""
    named = {n.id for n in walk(value) if isinstance(n, ast.Name)}
    assigned = (n for n in walk(file.source.tree) if isinstance(n, ast.Assign))
    values = [n.value for n in assigned if any(isinstance(t, ast.Name) and t.id in named for t in n.targets)]
    parts = (n for v in (value, *values) for n in walk(v) if isinstance(n, ast.Name | ast.Attribute))
    return {name for part in parts if (name := file.names.searched_name(part)) is not None}
