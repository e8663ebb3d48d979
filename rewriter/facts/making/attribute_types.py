"""The classes that other classes name as the type of an attribute, which TorchScript then compiles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.python.code import Class
from rewriter.python.trees import walk
from rewriter.values.base import Known


@dataclass(frozen=True)
class AttributeType:
    """`"coder": BoxCoder` in `__annotations__ = {...}`, or `coder: BoxCoder`, in the body of a class."""

    owner: Class
    table: ast.Dict | None
    position: int | None
    """Of the entry in the table, where it says the class and nothing else."""


def attribute_types(knowledge: Known, cls: Class) -> Iterator[AttributeType]:
    """Where the class is named as the type of an attribute."""
    for file in knowledge.project.files_mentioning(cls.node.name):
        for owner in file.classes:
            for statement in owner.node.body:
                yield from _named_in(knowledge, owner, statement, cls)


def _named_in(knowledge: Known, owner: Class, statement: ast.stmt, cls: Class) -> Iterator[AttributeType]:
    def says(types: ast.expr) -> bool:
        named = (n for n in walk(types) if getattr(n, "id", getattr(n, "attr", None)) == cls.node.name)
        meant = (knowledge.project.find(owner.file.names.full_name(n) or "") for n in named)  # type: ignore[arg-type]
        return any(found is None or found is cls for found in meant)

    if isinstance(statement, ast.AnnAssign) and says(statement.annotation):
        yield AttributeType(owner, None, None)
    if not isinstance(statement, ast.Assign) or ast.unparse(statement.targets[0]) != "__annotations__":
        return
    if not isinstance(statement.value, ast.Dict):
        if says(statement.value):
            yield AttributeType(owner, None, None)
        return
    for position, (key, value) in enumerate(zip(statement.value.keys, statement.value.values, strict=True)):
        if says(value):
            alone = isinstance(key, ast.Constant) and isinstance(value, ast.Name | ast.Attribute)
            yield AttributeType(owner, statement.value, position if alone else None)


def may_lose_type(knowledge: Known, found: AttributeType) -> bool:
    """Whether the entry can be taken out: TorchScript knows the type of a module without it, and takes none there."""
    return found.position is not None and knowledge.may_be_module(found.owner)
