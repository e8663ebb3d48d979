"""What may go wrong with a new attribute of a class, though nothing of it can be seen from the class."""

from __future__ import annotations

import ast

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.project import Class


def doubt(knowledge: Knowledge, cls: Class) -> str | None:
    if unseen := knowledge.hierarchy.lineage(cls).unseen:
        return f"the base class {sorted(unseen)[0]} is out of sight and may use the attribute's name"
    for file in knowledge.project.files_mentioning(cls.node.name):
        if "children()" in file.source.text and (line := _picks_children(file.source.tree)):
            return f"{file.path.name}:{line} picks children by position, and may count the new module"
    return None


def follows_training(knowledge: Knowledge, cls: Class) -> bool:
    """Whether `self.training` reaches children by nn.Module's own train() and nothing else."""
    hierarchy = knowledge.hierarchy
    relatives = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
    return not any("train" in c.methods or "training" in c.methods or _sets_training(c) for c in relatives)


def _picks_children(tree: ast.Module) -> int | None:
    """The line of something like `list(model.children())[:-2]`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Attribute) and inner.attr in ("children", "named_children"):
                    return node.lineno
    return None


def _sets_training(cls: Class) -> bool:
    return any(
        isinstance(n, ast.Attribute) and n.attr == "training" and isinstance(n.ctx, ast.Store)
        for n in ast.walk(cls.node)
    )
