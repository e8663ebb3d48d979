"""Tables of functions that stand at module level: dicts, and objects of classes that act as one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import Hierarchy
from rewriter.python.names import last_name
from rewriter.python.project import Project

_MAPPINGS = ("dict", "Dict", "Mapping")
_DICTS = frozenset({"builtins.dict", "dict", "collections.OrderedDict"})


@dataclass(frozen=True)
class Table:
    """A variable at module level that holds functions of the project by keys."""

    name: str
    """In full, where it is made."""
    functions: tuple[Function, ...]


_TABLE = Question[str, "Table | None"]("which table has that full name?")
_HOLDING = Question[None, dict[str, set[str]]]("which of the file's dicts and lists hold a function of that name?")


def find_table(hierarchy: Hierarchy, name: str) -> Table | None:
    """The table of that full name, through re-exports."""
    # The answer meanwhile holds against imports that go in circles.
    return hierarchy.project.answers.found(_TABLE, name, lambda: _find(hierarchy, name), meanwhile=None)


def find_instance(hierarchy: Hierarchy, name: str) -> str | Class | None:
    """The class of the module that stands at file level under that full name: `ACT = nn.ReLU()`."""
    module, _, variable = name.rpartition(".")
    file = hierarchy.project.module(module) if module else None
    value = assigned_once(file).get(variable) if file is not None else None
    if file is None or not isinstance(value, ast.Call):
        return None
    made = file.names.full_name(value.func) or ""
    found = hierarchy.project.find(made)
    if isinstance(found, Class):
        return found if hierarchy.lineage(found).is_module else None
    return made if made.startswith("torch.nn.") and made.rpartition(".")[2][:1].isupper() else None


def find_variable(project: Project, name: str) -> tuple[File, ast.expr] | None:
    """What the one assignment to a variable at module level makes it, with the file of it; through re-exports."""
    seen = set[str]()
    while name not in seen:
        seen.add(name)
        module, _, variable = name.rpartition(".")
        file = project.module(module) if module else None
        if file is None:
            return None
        if (value := assigned_once(file).get(variable)) is not None:
            return file, value
        name = file.names.meaning(variable) or name
    return None


def tables_with(project: Project, file: File, function: str) -> Iterator[str]:
    """The variables of a file, and of those that name its classes, whose tables hold the function."""

    def find() -> dict[str, set[str]]:
        return dict(_holding(file))

    for name in sorted(file.answers.found(_HOLDING, None, find).get(function, ())):
        if not name.startswith("class "):
            yield name
            continue
        made = name.removeprefix("class ")
        for other in project.files_mentioning(made):
            assigned = assigned_once(other).items()
            calls = ((variable, value) for variable, value in assigned if isinstance(value, ast.Call))
            yield from (variable for variable, value in calls if last_name(value.func) == made)


def _holding(file: File) -> Iterator[tuple[str, set[str]]]:
    """By the name of a function: the variables and classes of the file that have a dict, or a list, with it."""
    found: dict[str, set[str]] = {}
    variables = ((name, _given_values(value) or _members(value)) for name, value in assigned_once(file).items())
    tables = [(name, values) for name, values in variables if values]
    tables += [(f"class {cls.node.name}", held.values) for cls in file.classes for held in _dicts(cls)]
    for name, values in tables:
        for value in values:
            found.setdefault(last_name(value), set()).add(name)
    yield from found.items()


def _given_values(table: ast.expr) -> list[ast.expr]:
    """The values of `{"relu": relu}`, `dict(relu=relu)` and `Table({"relu": relu})`."""
    if isinstance(table, ast.Dict):
        return table.values
    if not isinstance(table, ast.Call):
        return []
    dicts = (argument.values for argument in table.args if isinstance(argument, ast.Dict))
    return [*(k.value for k in table.keywords if k.arg is not None), *(value for values in dicts for value in values)]


def _members(display: ast.expr) -> list[ast.expr]:
    """`[mix, gate]`, and `[("mix", mix), ("gate", gate)]`"""
    if not isinstance(display, ast.List | ast.Tuple | ast.Set):
        return []
    inner = [member for element in display.elts for member in _members(element)]
    return [*(e for e in display.elts if isinstance(e, ast.Name | ast.Attribute)), *inner]


def _find(hierarchy: Hierarchy, name: str) -> Table | None:
    module, _, variable = name.rpartition(".")
    file = hierarchy.project.module(module) if module else None
    if file is None:
        return None
    value = assigned_once(file).get(variable)
    if value is not None:
        functions = tuple(dict.fromkeys(_functions(hierarchy, file, value)))
        return Table(name, functions) if functions else None
    meaning = file.names.meaning(variable)
    if meaning is None and not (file.names.stars and hierarchy.project.texts.assigning(variable)):
        return None
    others = [meaning] if meaning else [f"{star}.{variable}" for star in hierarchy.project.stars_with(file, variable)]
    return next(filter(None, (find_table(hierarchy, other) for other in others if other != name)), None)


def assigned_once(file: File) -> dict[str, ast.expr]:
    """What the file assigns at module level, to names that it assigns once."""
    found: dict[str, ast.expr] = {}
    again: set[str] = set()
    for statement in file.source.tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            if isinstance(target, ast.Name):
                again |= {target.id} & found.keys()
                found[target.id] = statement.value
    return {name: value for name, value in found.items() if name not in again}


def _functions(hierarchy: Hierarchy, file: File, value: ast.expr) -> Iterator[Function]:
    made = _made(hierarchy.project, file, value) if isinstance(value, ast.Call) else None
    lineage = hierarchy.lineage(made) if isinstance(made, Class) else None
    acts_as_dict = lineage is not None and any(base.endswith(_MAPPINGS) for base in lineage.unseen)
    for relative in lineage.project if acts_as_dict and lineage is not None else ():
        for held in _dicts(relative):
            yield from _functions(hierarchy, relative.file, held)
    called = value.func if isinstance(value, ast.Call) else value
    makes_dict = (file.names.full_name(called) or ast.unparse(called)) in _DICTS
    if isinstance(value, ast.Dict) or acts_as_dict or makes_dict:
        named = (file.names.full_name(v) for v in _given_values(value) if isinstance(v, ast.Name | ast.Attribute))
        found = (hierarchy.project.find(name) for name in named if name)
        yield from (f for f in found if isinstance(f, Function))


def _made(project: Project, file: File, call: ast.Call) -> Class | Function | None:
    name = file.names.full_name(call.func)
    return project.find(name) if name else None


def _dicts(cls: Class) -> Iterator[ast.Dict]:
    for statement in cls.node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Dict):
            yield statement.value
