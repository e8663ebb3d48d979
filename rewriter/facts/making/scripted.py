"""Classes that the project has TorchScript compile, which takes no list of modules by a variable."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.walks.consists import named_from
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.decorators import scripts_in_traces
from rewriter.python.hierarchy import Hierarchy
from rewriter.python.of_file import OfFile
from rewriter.python.project import Project
from rewriter.python.trees import walk

_COMPILES = frozenset({"torch.jit.script"})
_COMPILED = frozenset({"torch.jit.export", "torch.jit.script_method"})

_SCRIPTED = Question[Class, bool]("does TorchScript compile an object of the family?")
_GIVEN = Question[None, tuple[ast.expr, ...]]("what does the file give to the compiler?")
_COMPILED_WITH = Question[None, frozenset[Class | Function]]("what makes the modules that TorchScript compiles?")


_COMPILED_ALONE = Question[None, frozenset[Class | Function]]("which functions does TorchScript compile by themselves?")


def is_scripted(hierarchy: Hierarchy, cls: Class) -> bool:
    """Whether a method of the family is marked for TorchScript, or code of the project compiles an object of it.

    What an object consists of is compiled with it.
    """

    def find() -> bool:
        family = hierarchy.sharing(cls)
        marked = any(method.decorators & _COMPILED for relative in family for method in relative.methods.values())
        beside = any(_compiles_something(file, hierarchy.project) for file in {c.file for c in family})
        return marked or beside or not _compiled(hierarchy).isdisjoint(family)

    return hierarchy.project.answers.found(_SCRIPTED, cls, find)


def is_compiled(hierarchy: Hierarchy, function: Function) -> bool:
    """Whether a function, or a method of a class, is named inside of what the project has TorchScript compile."""
    if function.owner is not None:
        return is_scripted(hierarchy, function.owner)
    return function in _compiled(hierarchy) or _compiles_something(function.file, hierarchy.project)


def is_compiled_alone(hierarchy: Hierarchy, function: Function) -> bool:
    """Whether TorchScript compiles the function with no module around it: it is given it, or another that calls it."""

    def find() -> frozenset[Class | Function]:
        project, files = hierarchy.project, list(hierarchy.project.files_mentioning("script"))
        given = (_maker(file, project, node) for file in files for node in _given_to_compiler(file))
        found = [maker for maker in given if isinstance(maker, Function)]
        found += [f for file in files for f in file.functions.values() if f.decorators & _COMPILES]
        return named_from(hierarchy, found)

    return function in hierarchy.project.answers.found(_COMPILED_ALONE, None, find)


def is_compiled_function(hierarchy: Hierarchy, function: Function) -> bool:
    """Whether TorchScript compiles the function, by a decorator or with what else it is given."""
    if function.decorators & _COMPILES or scripts_in_traces(hierarchy.project, function):
        return True
    return function in _compiled(hierarchy)


def _compiles_something(file: File, project: Project) -> bool:
    """`torch.jit.script(build())`, where nobody can say of what class that is."""
    return any(
        not isinstance(given, ast.Name | ast.Attribute) and _maker(file, project, given) is None
        for given in _given_to_compiler(file)
    )


def _compiled(hierarchy: Hierarchy) -> frozenset[Class | Function]:
    """What is compiled by its name, and all classes and functions that are named inside of it."""

    def find() -> frozenset[Class | Function]:
        project = hierarchy.project
        paths = (path for path in project.paths_mentioning("script") if project.said_by(_GIVES, path))
        files = filter(None, map(project.file, paths))
        given = ((file, node) for file in files for node in _given_to_compiler(file))
        makers = [_maker(file, hierarchy.project, node) for file, node in given]
        return named_from(hierarchy, (maker for maker in makers if maker is not None))

    return hierarchy.project.answers.found(_COMPILED_WITH, None, find)


def _given_to_compiler(file: File) -> tuple[ast.expr, ...]:
    return file.answers.found(_GIVEN, None, lambda: tuple(_compiled_in(file)))


_GIVES = OfFile[bool](
    "does the file give something to the compiler?",
    find=lambda file: bool(_given_to_compiler(file)),
    absent=False,
    asks_names=True,
)


def _compiled_in(file: File) -> Iterator[ast.expr]:
    """What `torch.jit.script` is given in the file; for a variable, what it was assigned."""
    if not file.words & {"jit", "script"}:
        return
    assigned: dict[str, list[ast.expr]] = {}
    for node in walk(file.source.tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append(node.value)
    for node in walk(file.source.tree):
        if isinstance(node, ast.Call) and node.args and file.names.full_name(node.func) in _COMPILES:
            given = node.args[0]
            yield given
            if isinstance(given, ast.Name):
                yield from (value for value in assigned.get(given.id, ()) if isinstance(value, ast.Call))


def _maker(file: File, project: Project, given: ast.expr) -> Class | Function | None:
    """`Block` in `Block(4)` and in `Block(4).eval()`, and `loss_fn` itself."""
    while True:
        named = given.func if isinstance(given, ast.Call) else given
        name = file.names.searched_name(named)
        if name is not None and isinstance(found := project.find(name), Class | Function):
            return found
        if not isinstance(given, ast.Call):
            return None
        given = named.value if isinstance(named, ast.Attribute) else named
