"""Classes of torch that code picks out of all modules of a model, to do something with each."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.answers import Question
from rewriter.facts.code import Class, File
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.trees import walk
from rewriter.facts.walks import CHILDREN, DESCENDANTS

_WALKS = CHILDREN | DESCENDANTS
_PICKED = Question[Class, frozenset[str]]("which classes of torch are picked out of its modules?")


def picked_classes(hierarchy: Hierarchy, cls: Class) -> frozenset[str]:
    """`for m in model.modules(): if isinstance(m, nn.Dropout): m.train()` would meet a new nn.Dropout as well.

    Looked for in the files of the class and of those that share its objects: elsewhere it is meant for other models.
    """
    answers = hierarchy.project.answers.to(_PICKED)
    if cls not in answers:
        files = {relative.file for relative in hierarchy.sharing(cls) if relative.file.words & _WALKS}
        answers[cls] = frozenset(name for file in files for name in _asked_for(file))
    return answers[cls]


def _asked_for(file: File) -> Iterator[str]:
    for loop in walk(file.source.tree):
        over = loop.iter if isinstance(loop, ast.For | ast.comprehension) else None
        if over is None or not any(isinstance(n, ast.Attribute) and n.attr in _WALKS for n in walk(over)):
            continue
        body = loop.body if isinstance(loop, ast.For) else loop.ifs if isinstance(loop, ast.comprehension) else []
        for node in (n for part in body for n in walk(part)):
            yield from filter(None, map(file.names.full_name, _classes_compared(node)))


def _classes_compared(node: ast.AST) -> list[ast.expr]:
    """`isinstance(m, (A, B))`, `type(m) is A`, `type(m) in (A, B)`"""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        wanted = node.args[1:]
    elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Call) and ast.unparse(node.left.func) == "type":
        wanted = node.comparators
    else:
        return []
    return [kind for w in wanted for kind in (w.elts if isinstance(w, ast.Tuple | ast.List | ast.Set) else [w])]
