"""Lists of texts that the bodies of classes say: `_blocks = ["Block", "Stem"]`, which code of theirs reads again."""

from __future__ import annotations

import ast

from rewriter.python.answers import Question
from rewriter.python.attributes import stores
from rewriter.python.code import File
from rewriter.python.project import Project
from rewriter.python.trees import texts_in, walk

_TEXTS = Question[str, frozenset[str] | None]("which texts do class bodies put into lists under that name?")


def texts_stated(project: Project, attribute: str) -> frozenset[str] | None:
    """All that classes of the project list under the name; None where something else may be there."""
    answers = project.answers.to(_TEXTS)
    if attribute not in answers:
        answers[attribute] = _stated_everywhere(project, attribute)
    return answers[attribute]


def _stated_everywhere(project: Project, attribute: str) -> frozenset[str] | None:
    found = set[str]()
    for file in project.files_mentioning(attribute):
        texts = _stated_in(file, attribute)
        if texts is None:
            return None  # whatever the other files say, which need not be read for that
        found |= texts
    return frozenset(found) or None


def attribute_read(node: ast.AST) -> str | None:
    """`self.blocks` and `getattr(self, "blocks", None)`"""
    if isinstance(node, ast.Attribute):
        return node.attr
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "getattr":
        return None
    name = node.args[1] if len(node.args) > 1 else None
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _stated_in(file: File, attribute: str) -> frozenset[str] | None:
    if stores(file.source.tree, attribute) or any(_sets_by_name(n, attribute) for n in walk(file.source.tree)):
        return None
    found = set[str]()
    for cls in (n for n in walk(file.source.tree) if isinstance(n, ast.ClassDef)):
        for statement in cls.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and _binds(statement, attribute):
                texts = _texts(statement.value)
                if texts is None:
                    return None
                found |= texts
    return frozenset(found)


def _binds(statement: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _texts(value: ast.expr | None) -> set[str] | None:
    """The members of a list of texts; none of None."""
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return set()
    if not isinstance(value, ast.List | ast.Tuple | ast.Set):
        return None
    texts = texts_in(value)
    return None if texts is None else set(texts)


def _sets_by_name(node: ast.AST, attribute: str) -> bool:
    """`setattr(model, "blocks", names)`"""
    is_setting = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr"
    return is_setting and any(isinstance(n, ast.Constant) and n.value == attribute for n in walk(node))
