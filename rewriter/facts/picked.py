"""Classes of torch that code picks out of all modules of a model, to do something with each."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.answers import Question
from rewriter.facts.code import Class, File
from rewriter.facts.deep_walks import walkers_holding
from rewriter.facts.gathered import Comprehension
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.trees import children, walk
from rewriter.facts.walks import CHILDREN, DESCENDANTS

_WALKS = CHILDREN | DESCENDANTS | {"apply"}
_TEXTS = Question[Class, frozenset[str]]("which texts are looked for in the names of the modules' classes?")
_PICKED = Question[Class, frozenset[str]]("which classes of torch are picked out of its modules?")


def picked_classes(knowledge: Knowledge, cls: Class) -> frozenset[str]:
    """`for m in model.modules(): if isinstance(m, nn.Dropout): m.train()` would meet a new nn.Dropout as well."""
    answers = knowledge.project.answers.to(_PICKED)
    if cls not in answers:
        answers[cls] = frozenset(name for file in _files_around(knowledge, cls) for name in _asked_for(file))
    return answers[cls]


def picked_texts(knowledge: Knowledge, cls: Class) -> frozenset[str]:
    """`if m.__class__.__name__.find("Conv") != -1` would meet whatever is called so."""
    answers = knowledge.project.answers.to(_TEXTS)
    if cls not in answers:
        answers[cls] = frozenset(text for file in _files_around(knowledge, cls) for text in _texts_compared(file))
    return answers[cls]


def _files_around(knowledge: Knowledge, cls: Class) -> set[File]:
    """Those of the class, and of classes that share or hold its objects: elsewhere it is meant for other models."""
    relatives = [*knowledge.hierarchy.sharing(cls), *walkers_holding(knowledge, cls)]
    return {relative.file for relative in relatives if relative.file.words & _WALKS}


def _texts_compared(file: File) -> Iterator[str]:
    if "__name__" not in file.words or not _reads_class_name(file.source.tree):
        return
    for node in walk(file.source.tree):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "find"
        if named or isinstance(node, ast.Compare):
            constants = (n.value for n in walk(node) if isinstance(n, ast.Constant))
            yield from (text for text in constants if isinstance(text, str) and text)


def _reads_class_name(tree: ast.AST) -> bool:
    """`type(m).__name__`; not the file's own `__name__`, and not what an error message says."""
    for node in children(tree):
        if isinstance(node, ast.Raise):
            continue
        is_read = isinstance(node, ast.Attribute) and node.attr == "__name__"
        is_said = isinstance(node, ast.Constant) and node.value == "__name__"
        if is_read or is_said or _reads_class_name(node):
            return True
    return False


def _asked_for(file: File) -> Iterator[str]:
    parts = [file.source.tree] if "apply" in file.words else _in_loops(file)  # what is applied may stand anywhere
    for node in (n for part in parts for n in walk(part)):
        yield from filter(None, map(file.names.full_name, _classes_compared(node)))


def _in_loops(file: File) -> Iterator[ast.AST]:
    """What is done with each module in a loop or comprehension."""
    for node in walk(file.source.tree):
        if isinstance(node, ast.For) and _goes_through_modules(node.iter):
            yield from node.body
        elif isinstance(node, Comprehension) and any(_goes_through_modules(g.iter) for g in node.generators):
            yield node


def _goes_through_modules(over: ast.expr) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in _WALKS for n in walk(over))


def _classes_compared(node: ast.AST) -> list[ast.expr]:
    """`isinstance(m, (A, B))`, `type(m) is A`, `type(m) in (A, B)`"""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        wanted = node.args[1:]
    elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Call) and ast.unparse(node.left.func) == "type":
        wanted = node.comparators
    else:
        return []
    return [kind for w in wanted for kind in (w.elts if isinstance(w, ast.Tuple | ast.List | ast.Set) else [w])]
