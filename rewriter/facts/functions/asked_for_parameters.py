"""Functions whose parameters code counts or goes through: `len(inspect.signature(f).parameters)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from rewriter.facts.functions.asked_of import ANY, Asked, above, home_of, is_parameter
from rewriter.python.answers import Question
from rewriter.python.code import File, Function, FunctionNode
from rewriter.python.names import last_name, local_names
from rewriter.python.project import Project
from rewriter.python.trees import walk

_ASKED = Question[None, frozenset[str]]("of which functions are the parameters counted?")
_HANDED = Question[Function, bool]("does code give the function to somebody?")
_TAKING = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred, ast.keyword, ast.arguments, ast.Return, ast.Yield)
_ASKS = r"\bsignature\("
_COLLECTING = frozenset({"list", "set", "tuple", "dict", "frozenset", "sorted"})


def are_counted(project: Project, function: Function) -> bool:
    """Whether one more parameter may be met where code asks for those of the function."""

    def find() -> frozenset[str]:
        found = Asked(project)
        for file in project.files_matching(_ASKS):
            _gather(file, found)
        return frozenset(found.names)

    known = project.answers.found(_ASKED, None, find)
    if any(fnmatchcase(function.node.name, form) for form in known):
        return True
    return ANY in known and _is_handed_on(project, function)


def _is_handed_on(project: Project, function: Function) -> bool:
    return project.answers.found(
        _HANDED, function, lambda: any(_hands_on(project, file, function) for file in project.files_meaning(function))
    )


def _hands_on(project: Project, file: File, function: Function) -> bool:
    name, held = function.node.name, above(file)
    nodes = (n for n in held if isinstance(n, ast.Name | ast.Attribute) and last_name(n) == name)
    return any(_is_given(n, held, file) and _means(project, file, n, function, held) for n in nodes)


def _is_given(node: ast.AST, held: Mapping[ast.AST, ast.AST], file: File) -> bool:
    """Whether the value may come to somebody else: an argument, a default, a member, what is returned or stored."""
    user = held.get(node)
    if isinstance(user, ast.Call):
        return user.func is not node
    if isinstance(user, ast.IfExp | ast.BoolOp | ast.NamedExpr):
        return _is_given(user, held, file)
    if isinstance(user, ast.Assign | ast.AnnAssign):
        targets = user.targets if isinstance(user, ast.Assign) else [user.target]
        asks = re.search(_ASKS, file.source.text) is not None
        return user.value is node and (asks or not all(isinstance(target, ast.Name) for target in targets))
    return isinstance(user, _TAKING)


def _means(
    project: Project, file: File, node: ast.Name | ast.Attribute, function: Function, held: Mapping[ast.AST, ast.AST]
) -> bool:
    around = held.get(node)
    while isinstance(node, ast.Name) and around is not None:
        if isinstance(around, FunctionNode | ast.Lambda) and node.id in local_names(around):
            return False  # a variable, which a call of the function may have set
        around = held.get(around)
    full = file.names.full_name(node)
    found = project.find(full) if full is not None else None
    return found is function or (found is None and isinstance(node, ast.Name))


def _gather(file: File, found: Asked) -> None:
    held = above(file)
    for node in walk(file.source.tree):
        asks = isinstance(node, ast.Call) and file.names.full_name(node.func) == "inspect.signature"
        if isinstance(node, ast.Call) and asks and node.args and _counts(node, held):
            _asked_by(node.args[0], file, found)


def _asked_by(asked: ast.expr, file: File, found: Asked) -> None:
    """A parameter of a function that nobody is seen to call may be anything."""
    home = home_of(asked, file) if isinstance(asked, ast.Name) else None
    if isinstance(asked, ast.Attribute):
        found.names.add(asked.attr)
    elif isinstance(home, FunctionNode) and isinstance(asked, ast.Name) and is_parameter(home, asked.id):
        found.asked(asked, file)
        found.given(home, asked.id, file, first=True)
    else:
        found.asked(asked, file)


def _counts(found: ast.AST, held: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether the code does more with a signature, or with its parameters, than look for some by their names."""
    user = held.get(found)
    if isinstance(user, ast.FormattedValue) and _is_raised(user, held):
        return False
    if isinstance(user, ast.Attribute):
        return user.attr in ("parameters", "keys") and _counts(user, held)
    if isinstance(user, ast.Call):
        collects = user.func is found or getattr(user.func, "id", "") in _COLLECTING
        return not collects or _counts(user, held)
    if isinstance(user, ast.Compare):
        return user.left is found or not all(isinstance(op, ast.In | ast.NotIn) for op in user.ops)
    if isinstance(user, ast.Assign) and len(user.targets) == 1 and isinstance(user.targets[0], ast.Name):
        name = user.targets[0].id
        reads = (n for n in held if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load))
        return any(_counts(read, held) for read in reads)
    return not isinstance(user, ast.Subscript | ast.Expr)


def _is_raised(node: ast.AST | None, held: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether it is part of the message of an error."""
    while node is not None and not isinstance(node, ast.stmt):
        node = held.get(node)
    return isinstance(node, ast.Raise)
