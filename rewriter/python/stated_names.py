"""Lists of texts that the bodies of classes say: `_blocks = ["Block", "Stem"]`, which code of theirs reads again."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.of_file import OfFile
from rewriter.python.project import Project
from rewriter.python.trees import texts_in, walk

_TEXTS = Question[str, frozenset[str] | None]("which texts do class bodies put into lists under that name?")


def texts_stated(project: Project, attribute: str) -> frozenset[str] | None:
    """All that classes of the project list under the name; None where something else may be there."""
    return project.answers.found(_TEXTS, attribute, lambda: _stated_everywhere(project, attribute))


def _stated_everywhere(project: Project, attribute: str) -> frozenset[str] | None:
    found = set[str]()
    for path in project.paths_mentioning(attribute):
        texts = project.said_by(_STATED_IN, path).get(attribute, ())
        if texts is None:
            return None  # whatever the other files say, which need not be read for that
        found.update(texts)
    return frozenset(found) or None


def attribute_read(node: ast.AST) -> str | None:
    """`self.blocks` and `getattr(self, "blocks", None)`"""
    if isinstance(node, ast.Attribute):
        return node.attr
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "getattr":
        return None
    name = node.args[1] if len(node.args) > 1 else None
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _stated_in(file: File) -> Mapping[str, Sequence[str] | None]:
    """The texts by the attribute; None where it is set otherwise."""
    found: dict[str, set[str] | None] = {}
    for node in walk(file.source.tree):
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                texts = _texts(statement.value)
                for name in _bound(statement):
                    known = found.get(name, set())
                    found[name] = None if texts is None or known is None else known | texts
    for node in walk(file.source.tree):
        found.update(dict.fromkeys(_set_elsewhere(node)))
    return {name: None if texts is None else sorted(texts) for name, texts in found.items()}


def _bound(statement: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return (target.id for target in targets if isinstance(target, ast.Name))


def _set_elsewhere(node: ast.AST) -> Iterator[str]:
    """`self.blocks = names`, `setattr(model, "blocks", names)`"""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
        yield from (n.value for n in walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _texts(value: ast.expr | None) -> set[str] | None:
    """The members of a list of texts; none of None."""
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return set()
    if not isinstance(value, ast.List | ast.Tuple | ast.Set):
        return None
    texts = texts_in(value)
    return None if texts is None else set(texts)


_STATED_IN = OfFile[Mapping[str, Sequence[str] | None]](
    "which texts do the file's classes put into lists?", find=_stated_in, absent={}
)
