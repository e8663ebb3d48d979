"""Functions whose parameters code counts or goes through: `len(inspect.signature(f).parameters)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from rewriter.python.answers import Question
from rewriter.python.code import File, Function
from rewriter.python.project import Project
from rewriter.python.trees import children, walk

_ANY = ""
"""Any function that code hands on: the one that is asked is a variable."""
_ASKED = Question[None, frozenset[str]]("of which functions are the parameters counted?")
_HANDED = Question[Function, bool]("does code do more with the function than call it?")
_ASKS = re.compile(rb"\bsignature\(")
_COLLECTING = frozenset({"list", "set", "tuple", "dict", "frozenset", "sorted"})


def are_counted(project: Project, function: Function) -> bool:
    """Whether one more parameter may be met where code asks for those of the function."""
    answers = project.answers.to(_ASKED)
    if None not in answers:
        answers[None] = frozenset(name for file in project.files_matching(_ASKS) for name in _asked_in(file))
    if function.node.name in answers[None]:
        return True
    return _ANY in answers[None] and _is_handed_on(project, function)


def _is_handed_on(project: Project, function: Function) -> bool:
    answers = project.answers.to(_HANDED)
    if function not in answers:
        answers[function] = any(_hands_on(file, function) for file in project.files_meaning(function))
    return answers[function]


def _hands_on(file: File, function: Function) -> bool:
    nodes, name = walk(file.source.tree), function.node.name
    called = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    named = (n for n in nodes if getattr(n, "id", getattr(n, "attr", None)) == name)
    return any(isinstance(n, ast.Name | ast.Attribute) and id(n) not in called for n in named)


def _asked_in(file: File) -> Iterator[str]:
    tree = file.source.tree
    above = {child: node for node in walk(tree) for child in children(node)}
    for node in walk(tree):
        asks = isinstance(node, ast.Call) and file.names.full_name(node.func) == "inspect.signature"
        if isinstance(node, ast.Call) and asks and node.args and _counts(node, above):
            yield _name_of(node.args[0], file)


def _name_of(asked: ast.expr, file: File) -> str:
    if isinstance(asked, ast.Attribute):
        return asked.attr
    is_global = isinstance(asked, ast.Name) and asked.id in file.names.bindings
    return asked.id if is_global and isinstance(asked, ast.Name) else _ANY


def _counts(found: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether the code does more with a signature, or with its parameters, than look for some by their names."""
    user = above.get(found)
    if isinstance(user, ast.Attribute):
        return user.attr in ("parameters", "keys") and _counts(user, above)
    if isinstance(user, ast.Call):
        collects = user.func is found or getattr(user.func, "id", "") in _COLLECTING
        return not collects or _counts(user, above)
    if isinstance(user, ast.Compare):
        return user.left is found or not all(isinstance(op, ast.In | ast.NotIn) for op in user.ops)
    if isinstance(user, ast.Assign) and len(user.targets) == 1 and isinstance(user.targets[0], ast.Name):
        name = user.targets[0].id
        reads = (n for n in above if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load))
        return any(_counts(read, above) for read in reads)
    return not isinstance(user, ast.Subscript | ast.Expr)
