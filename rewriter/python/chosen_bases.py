"""Base classes that a file chooses: `Base = A if HAS_A else B`, or what branches import or define under one name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.python.code import Class, File
from rewriter.python.names import dotted, module_level
from rewriter.python.project import Project

Meant = Class | str
_Seen = frozenset[tuple[str, str]]


def chosen_bases(project: Project, file: File, base: ast.expr) -> list[Meant]:
    """The classes that a base may be, those out of sight by name; none where no file of the project chooses it."""
    return list(_meant(project, file, base.id, frozenset())) if isinstance(base, ast.Name) else []


def _meant(project: Project, file: File, name: str, seen: _Seen) -> Iterator[Meant]:
    if (file.names.module, name) in seen:
        return
    seen |= {(file.names.module, name)}
    for meaning in sorted(file.names.bindings.get(name, ())):
        if meaning == file.names.own(name):
            yield from (cls for cls in file.classes if cls.node.name == name and not cls.around)
            for value in _values(file, name):
                yield from _named(project, file, value, seen)
        else:
            yield from _imported(project, meaning or name, seen)


def _imported(project: Project, full_name: str, seen: _Seen) -> Iterator[Meant]:
    module, _, name = full_name.rpartition(".")
    found, file = project.find(full_name), project.module(module) if module else None
    if isinstance(found, Class):
        yield found
    elif found is None and file is not None and name in file.names.bindings:
        yield from _meant(project, file, name, seen)
    else:
        yield full_name


def _named(project: Project, file: File, value: ast.expr, seen: _Seen) -> Iterator[Meant]:
    if isinstance(value, ast.IfExp):
        yield from _named(project, file, value.body, seen)
        yield from _named(project, file, value.orelse, seen)
        return
    chain = dotted(value) or []
    if len(chain) == 1 and chain[0] in file.names.bindings:
        yield from _meant(project, file, chain[0], seen)
    elif chain and (library := _imported_by_call(file, chain[0])) is not None:
        yield ".".join([library, *chain[1:]])
    else:
        name = file.names.full_name(value)
        yield from _imported(project, name, seen) if name is not None else [ast.unparse(value)]


def _values(file: File, name: str) -> Iterator[ast.expr]:
    for statement in module_level(file.source.tree.body):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                yield statement.value


def _imported_by_call(file: File, name: str) -> str | None:
    """The library of `hub = import_module("hub")`: what a call makes of a text that says the variable's own name."""
    values = list(_values(file, name))
    call = values[0] if len(values) == 1 else None
    said = call.args[0] if isinstance(call, ast.Call) and call.args else None
    is_said = isinstance(said, ast.Constant) and said.value == name
    return name if is_said and file.names.bindings[name] == {file.names.own(name)} else None
