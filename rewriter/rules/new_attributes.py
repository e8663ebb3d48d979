"""What may go wrong with a new attribute of a class, though nothing of it can be seen from the class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.asked_constructors import asks_for_constructor
from rewriter.facts.making.dealings import deals_with
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.names import dotted
from rewriter.python.of_file import OfFile
from rewriter.python.project import Project
from rewriter.python.trees import assigned_once, walk
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.modules import ProjectModule

_WALKS = frozenset({"children", "named_children"})
_GOES_OVER = r"\.(?:named_)?children\("
_TAKING_ALL = frozenset({"Sequential", "ModuleList", "ModuleDict", "len"})


def doubt(knowledge: Knowledge, cls: Class) -> str | None:
    lineage = knowledge.hierarchy.lineage(cls)
    if lineage.notes_arguments and cls.constructor is None:
        return "a base class notes what __init__ is given, and this class would get one of its own"
    if cls.constructor is None and (asking := asks_for_constructor(lineage.project)) is not None:
        return f"{asking} asks which parameters __init__ has, and this class would get one of its own"
    if unseen := lineage.unseen:
        return f"the base class {sorted(unseen)[0]} is out of sight and may use the attribute's name"
    project = knowledge.project
    picking = (path for path in project.paths_matching(_GOES_OVER) if project.said_by(_PICKS_IN, path))
    for file in filter(None, map(project.file, picking)):
        named = cls.file is file or cls.node.name in file.words or cls.node.name in file.names.bindings
        if named and (line := _picks_children(knowledge, file, cls)):
            return f"{file.path.name}:{line} picks children by position, and may count the new module"
    return None


def follows_training(knowledge: Knowledge, cls: Class) -> bool:
    """Whether `self.training` reaches children by nn.Module's own train() and nothing else."""
    hierarchy = knowledge.hierarchy
    relatives = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
    if _sets_training_of_others(knowledge.project):
        return False
    return not any("train" in c.methods or "training" in c.methods or _sets_training(c) for c in relatives)


def _picks_children(knowledge: Knowledge, file: File, cls: Class) -> int | None:
    """The line of something like `list(model.children())[:-2]`, where the model may be an object of the class."""
    if not file.words & _WALKS:
        return None
    functions = [*(m for other in file.classes for m in other.methods.values()), *file.functions.values()]
    for node in _picked(file.source.tree):
        inside = (f for f in functions if f.node.lineno <= node.lineno <= (f.node.end_lineno or 0))
        has_such = cls.file is file or deals_with(
            file, cls.node.name, {n.id for n in walk(node) if isinstance(n, ast.Name)}
        )
        if has_such and _may_be_of(knowledge, node.value, next(inside, None), cls, file):
            return node.lineno
    return None


def _picked(tree: ast.AST) -> Iterator[ast.Attribute]:
    """`model.children` where one more child would count: picked by position, all passed on, or counted."""
    for node in walk(tree):
        picking: list[ast.expr] = []
        if isinstance(node, ast.Subscript):
            picking = [node.value]
        elif isinstance(node, ast.Call):
            makes_container = ast.unparse(node.func).rpartition(".")[2] in _TAKING_ALL
            picking = node.args if makes_container else [a.value for a in node.args if isinstance(a, ast.Starred)]
        for inner in (n for part in picking for n in walk(part)):
            if isinstance(inner, ast.Attribute) and inner.attr in _WALKS:
                yield inner


def _may_be_of(knowledge: Knowledge, model: ast.expr, method: Function | None, cls: Class, file: File) -> bool:
    """Whether an expression may be an object of the class, as far as attributes and constructors tell."""
    if isinstance(model, ast.Name) and method is not None:
        model = _local(method, model.id) or model
    made = file.names.full_name(model.func) if isinstance(model, ast.Call) else None
    if made is not None and isinstance(found := knowledge.project.find(made), Class):
        return _related(knowledge, found, cls)
    path = dotted(model)
    if method is None or method.owner is None or path is None or path[0] != own_name(method):
        return True
    value: Value = ProjectModule(method.owner)
    for name in path[1:]:
        value = knowledge.attribute(value.cls, name) if isinstance(value, ProjectModule) else UNKNOWN
    return not value.known or (isinstance(value, ProjectModule) and _related(knowledge, value.cls, cls))


def _local(function: Function, name: str) -> ast.expr | None:
    """What a variable is set to, where no parameter has its name, of a function inside either."""
    given = any(isinstance(n, ast.arg) and n.arg == name for n in walk(function.node))
    return None if given else assigned_once(function.node, name)


def _related(knowledge: Knowledge, owner: Class, cls: Class) -> bool:
    family = knowledge.hierarchy.lineage
    return owner in family(cls).project or cls in family(owner).project


_SETS_TRAINING = Question[None, bool]("does anything set `training` on another object than its own?")


def _sets_training_of_others(project: Project) -> bool:
    """`model.training = True`, which reaches no child, wherever it stands."""

    def find() -> bool:
        return any(project.said_by(_SETS_IN, path) for path in project.paths_mentioning("training"))

    return project.answers.found(_SETS_TRAINING, None, find)


def _is_set(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr == "training" and isinstance(node.ctx, ast.Store)


_SETS_IN = OfFile[bool](
    "does the file set `training` on another object than its own?",
    find=lambda file: any(_is_set(n) and ast.unparse(n.value) != "self" for n in walk(file.source.tree)),
    absent=False,
)
_PICKS_IN = OfFile[bool](
    "does the file pick children by position?", find=lambda file: any(_picked(file.source.tree)), absent=False
)


def _sets_training(cls: Class) -> bool:
    return any(map(_is_set, walk(cls.node)))
