"""What decorators do to a class: whether one may write an `__init__` for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from rewriter.python.code import Class, Function, FunctionNode
from rewriter.python.function_tables import find_variable
from rewriter.python.project import Project
from rewriter.python.trees import returns_in, walk

_WRITING = frozenset({"__init__", "__new__", "attrs", "dataclass", "dataclasses", "define", "exec", "make_dataclass"})
_AROUND_WRITTEN = frozenset({"__post_init__", "__attrs_pre_init__", "__attrs_post_init__"})
"""What an `__init__` that a decorator writes runs."""


def may_write_init(project: Project, cls: Class, lineage: Iterable[Class]) -> bool:
    """Where the class has fields to make one from, and a decorator that is not known for returning it as it is.

    Those of a class above count if that is decorated as well: else they are fields of no one.
    """
    decorators = cls.node.decorator_list
    has_fields = any(_has_fields(one) for one in lineage if one is cls or one.node.decorator_list)
    return has_fields and not all(_returns_it(project, cls, d) for d in decorators)


def _has_fields(cls: Class) -> bool:
    stated = (s.annotation for s in cls.node.body if isinstance(s, ast.AnnAssign))
    return bool(cls.methods.keys() & _AROUND_WRITTEN) or not all(map(_is_of_class, stated))


def _is_of_class(annotation: ast.expr) -> bool:
    """`ClassVar[int]`, which is a field of no object."""
    said = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return isinstance(said, str) and said.partition("[")[0].rpartition(".")[2] == "ClassVar"


def _returns_it(project: Project, cls: Class, decorator: ast.expr) -> bool:
    """`@register`, `@register("name")`, `@REGISTRY.register("name")`, of functions and objects of the project."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = cls.file.names.full_name(target)
    found = project.alternatives(name) if name is not None else []
    if not found and name is not None and (method := _method_of_variable(project, name)) is not None:
        found = [method]
    return bool(found) and all(_returns_given(one, isinstance(decorator, ast.Call)) for one in found)


def _method_of_variable(project: Project, name: str) -> Function | None:
    """The method of an object that a file makes once: `REGISTRY = Registry()`, `REGISTRY = Registry[Block]()`."""
    variable, _, method = name.rpartition(".")
    found = find_variable(project, variable)
    if found is None or not isinstance(found[1], ast.Call):
        return None
    file, made = found[0], found[1].func
    full = file.names.full_name(made.value if isinstance(made, ast.Subscript) else made)
    cls = project.find(full) if full is not None else None
    return cls.methods.get(method) if isinstance(cls, Class) else None


def _returns_given(function: Function, is_made: bool) -> bool:
    """Whether the decorator, or each one that it makes, returns what it is given first, and writes no method for it."""
    if function.words & _WRITING:
        return False
    own = [function.node] if not is_made else [n for n in walk(function.node) if isinstance(n, FunctionNode)][1:]
    skipped = 0 if is_made or function.owner is None or function.is_static else 1
    return bool(own) and all(_returns_parameter(node, skipped) for node in own)


def _returns_parameter(node: FunctionNode, number: int) -> bool:
    parameters = [*node.args.posonlyargs, *node.args.args][number:]
    returned = [r.value for r in returns_in(node.body)]
    stored = {n.id for n in walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return bool(parameters and returned and parameters[0].arg not in stored) and all(
        isinstance(value, ast.Name) and value.id == parameters[0].arg for value in returned
    )
