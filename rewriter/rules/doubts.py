"""What may go wrong with a new attribute of a class, though nothing of it can be seen from the class."""

from __future__ import annotations

import ast

from rewriter.facts.hierarchy import own_name
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.project import Class, File, Function
from rewriter.facts.trees import walk


def doubt(knowledge: Knowledge, cls: Class) -> str | None:
    if unseen := knowledge.hierarchy.lineage(cls).unseen:
        return f"the base class {sorted(unseen)[0]} is out of sight and may use the attribute's name"
    for file in knowledge.project.files_mentioning(cls.node.name):
        named = cls.file is file or cls.node.name in file.words or cls.node.name in file.names.bindings
        if named and "children" in file.source.text and (line := _picks_children(knowledge, file, cls)):
            return f"{file.path.name}:{line} picks children by position, and may count the new module"
    return None


def follows_training(knowledge: Knowledge, cls: Class) -> bool:
    """Whether `self.training` reaches children by nn.Module's own train() and nothing else."""
    hierarchy = knowledge.hierarchy
    relatives = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
    return not any("train" in c.methods or "training" in c.methods or _sets_training(c) for c in relatives)


def _picks_children(knowledge: Knowledge, file: File, cls: Class) -> int | None:
    """The line of something like `list(model.children())[:-2]`, where the model may be an object of the class."""
    methods = [(m, other) for other in file.classes for m in other.methods.values()]
    for node in walk(file.source.tree):
        if not isinstance(node, ast.Subscript):
            continue
        for inner in walk(node.value):
            if isinstance(inner, ast.Attribute) and inner.attr in ("children", "named_children"):
                owner = next((other for m, other in methods if _is_own(inner.value, m)), None)
                if owner is None or _related(knowledge, owner, cls):
                    return node.lineno
    return None


def _is_own(receiver: ast.expr, method: Function) -> bool:
    """Whether the receiver is the object of the method that it stands in."""
    inside = method.node.lineno <= receiver.lineno <= (method.node.end_lineno or 0)
    return inside and isinstance(receiver, ast.Name) and receiver.id == own_name(method)


def _related(knowledge: Knowledge, owner: Class, cls: Class) -> bool:
    family = knowledge.hierarchy.lineage
    return owner in family(cls).project or cls in family(owner).project


def _sets_training(cls: Class) -> bool:
    return any(
        isinstance(n, ast.Attribute) and n.attr == "training" and isinstance(n.ctx, ast.Store) for n in walk(cls.node)
    )
