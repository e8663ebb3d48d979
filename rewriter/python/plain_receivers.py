"""Parameters that are annotated as objects of a class: `cfg: Config`, whose `cfg.act` is nobody's module."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping

from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import Hierarchy
from rewriter.python.names import dotted
from rewriter.python.trees import named_parameters, walk

_ANNOTATED = Question[None, Mapping[ast.AST, str]]("which attributes does the file take of annotated parameters?")


def class_of_receiver(file: File) -> Mapping[ast.AST, str]:
    """The full name of the class that `cfg` is annotated with, by each `cfg.act` of the file that reads something."""

    def find() -> Mapping[ast.AST, str]:
        methods = (method for cls in file.classes for method in cls.methods.values())
        functions = [*file.functions.values(), *file.static_methods, *methods]
        return {node: name for function in functions for node, name in _reads(function)}

    return file.answers.found(_ANNOTATED, None, find)


def _reads(function: Function) -> Iterator[tuple[ast.AST, str]]:
    spec = function.node.args
    parameters = named_parameters(spec)
    classes = {parameter.arg: _class_named(function, parameter.annotation) for parameter in parameters}
    if not any(classes.values()):
        return
    nodes = walk(function.node)
    bound = [n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)]
    bound += [n.arg for n in nodes if isinstance(n, ast.arg) and n not in parameters]  # of functions inside
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            name = classes.get(node.value.id)
            if name is not None and node.value.id not in bound:
                yield node, name


def _class_named(function: Function, annotation: ast.expr | None) -> str | None:
    """The full name in `Config`, `"Config"`, `Optional[Config]` and `Config | None`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        with contextlib.suppress(SyntaxError):
            return _class_named(function, ast.parse(annotation.value.strip(), mode="eval").body)
        return None
    if (
        isinstance(annotation, ast.BinOp)
        and isinstance(annotation.right, ast.Constant)
        and annotation.right.value is None
    ):
        annotation = annotation.left
    if isinstance(annotation, ast.Subscript) and function.full_name(annotation.value) == "typing.Optional":
        annotation = annotation.slice
    if not isinstance(annotation, ast.Name | ast.Attribute) or dotted(annotation) is None:
        return None
    return function.file.names.searched_name(annotation)


def is_plain(hierarchy: Hierarchy, full_name: str) -> bool:
    """Whether the project has a class of that name, and no object of it, or of one below it, is a module."""
    cls = hierarchy.project.find(full_name)
    if not isinstance(cls, Class):
        return False
    lineages = [hierarchy.lineage(member) for member in [cls, *hierarchy.subclasses(cls)]]
    return not any(lineage.is_module or lineage.unseen for lineage in lineages)
