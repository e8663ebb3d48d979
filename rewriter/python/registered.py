"""What code puts into a variable at file level: `REGISTRY[cls.__name__] = cls` in a decorator of each such class."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.function_tables import find_variable
from rewriter.python.names import bound_names, dotted
from rewriter.python.project import Project
from rewriter.python.trees import walk

Named = Class | Function
_CONTAINERS = frozenset({"dict", "list", "set", "defaultdict", "OrderedDict"})
_FILLING = frozenset({"append", "add", "update", "setdefault", "insert", "extend"})
_REGISTERED = Question[tuple[File, str], frozenset[Named]]("what does code put into the file's variable?")


def registered_under(project: Project, name: str) -> frozenset[Named]:
    """The classes and functions that the variable of that full name may hold, through whichever decorator."""
    found = find_variable(project, name)
    if found is None or not _is_container(project, *found):
        return frozenset()
    file, variable = found[0], _variable_of(*found)
    return project.answers.found(_REGISTERED, (file, variable), lambda: frozenset(_registered(project, file, variable)))


def _is_container(project: Project, file: File, value: ast.expr) -> bool:
    """A dict, a list, or an object of a class of the project."""
    if not isinstance(value, ast.Call):
        return isinstance(value, ast.Dict | ast.List | ast.Set)
    made = file.names.full_name(value.func) or ""
    return made.rpartition(".")[2] in _CONTAINERS or isinstance(project.find(made), Class)


def _variable_of(file: File, value: ast.expr) -> str:
    statements = (s for s in file.source.tree.body if getattr(s, "value", None) is value)
    return next((name for statement in statements for name in bound_names(statement)), "")


def _registered(project: Project, file: File, variable: str) -> Iterator[Named]:
    for statement in file.source.tree.body:
        if not isinstance(statement, ast.ClassDef | ast.FunctionDef) and _says(statement, variable):
            yield from _named(project, file, statement)
    filling = [function.node.name for function in file.functions.values() if _fills(function, variable)]
    for word in (variable, *filling):
        for user in project.files_mentioning(word):
            if _means(project, user, word, file):
                yield from _decorated(user, word)
                yield from _given(project, user, word)


def _fills(function: Function, variable: str) -> bool:
    """`REGISTRY[name] = cls`, `REGISTRY.append(cls)`"""
    for node in walk(function.node):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            held = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FILLING:
            held = node.func.value
        else:
            continue
        if isinstance(held, ast.Name) and held.id == variable:
            return True
    return False


def _decorated(file: File, word: str) -> Iterator[Named]:
    """Whatever has a decorator that says the word: `@register`, `@register("name")`, `@REGISTRY.add()`."""
    makers: list[Named] = [*file.classes, *file.functions.values()]
    for made in makers:
        if any(_says(decorator, word) for decorator in made.node.decorator_list):
            yield made


def _given(project: Project, file: File, word: str) -> Iterator[Named]:
    """What calls at file level are given: `register("name", Block)`."""
    for statement in file.source.tree.body:
        if isinstance(statement, ast.Expr | ast.Assign) and _says(statement, word):
            yield from _named(project, file, statement)


def _means(project: Project, user: File, word: str, file: File) -> bool:
    """Whether the word means in a file what another one has under it, by whichever import."""
    if user is file:
        return True
    found = user.names.meaning(word)
    return found is None or project.module(found.rpartition(".")[0]) is not None


def _named(project: Project, file: File, code: ast.AST) -> Iterator[Named]:
    for node in walk(code):
        if isinstance(node, ast.Name | ast.Attribute):
            name = file.names.searched_name(node)
            found = project.find(name) if name is not None else None
            if isinstance(found, Class | Function):
                yield found


def _says(code: ast.AST, word: str) -> bool:
    return any(word in (dotted(n) or ()) for n in walk(code) if isinstance(n, ast.Name | ast.Attribute))
