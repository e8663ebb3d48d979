"""What the conditions around a place in the code say of the class that an object has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, File
from rewriter.python.trees import path_to, walk

_ORDINARY = frozenset({"type", "isinstance"})


def is_guarded(knowledge: Knowledge, file: File, node: ast.AST, given: ast.expr, cls: Class) -> bool:
    """Whether `node` is only come to where the variable `given` is an object of the class, or of one below it."""
    if not isinstance(given, ast.Name) or file.names.bindings.keys() & _ORDINARY:
        return False
    for test, body in _branches_around(file.source.tree, node):
        is_set = any(isinstance(n, ast.Name) and n.id == given.id and _sets(n) for s in body for n in walk(s))
        named = [name for part in _all_of(test) for name in _classes_said(part, given.id)]
        found = [knowledge.project.find(file.names.full_name(name) or "") for name in named]
        if found and not is_set and all(_is_below(knowledge, other, cls) for other in found):
            return True
    return False


def binds_guarded(knowledge: Knowledge, file: File, name: str, cls: Class) -> bool:
    """Whether a function of the file is made a method of objects of the class, and nothing else is done with it.

    As in `if type(m) is Block: m.forward = types.MethodType(name, m)`.
    """
    calls = {n.args[0]: n for n in walk(file.source.tree) if isinstance(n, ast.Call) and len(n.args) == 2}
    named = [n for n in walk(file.source.tree) if isinstance(n, ast.Name) and n.id == name]
    elsewhere = any(other is not file for other in knowledge.project.files_mentioning(name))
    if elsewhere or not named or not all(n in calls for n in named):
        return False
    bound = [calls[n] for n in named]
    is_method = (file.names.full_name(call.func) == "types.MethodType" for call in bound)
    return all(is_method) and all(is_guarded(knowledge, file, call, call.args[1], cls) for call in bound)


def _branches_around(tree: ast.AST, node: ast.AST) -> Iterator[tuple[ast.expr, list[ast.stmt]]]:
    """The conditions that hold where the node stands, each with what runs under it."""
    for above, below in pairwise([*path_to(node, tree), node]):
        if isinstance(above, ast.If) and below in above.body:
            yield above.test, above.body


def _all_of(test: ast.expr) -> list[ast.expr]:
    return test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]


def _classes_said(test: ast.expr, name: str) -> list[ast.expr]:
    """The classes in `isinstance(name, A)`, `type(name) is A` and `type(name) in (A, B)`."""
    if isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance" and len(test.args) == 2:
        subject, said = test.args[0], test.args[1]
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is | ast.Eq | ast.In) and len(test.ops) == 1:
        asked = test.left
        is_type = isinstance(asked, ast.Call) and ast.unparse(asked.func) == "type" and len(asked.args) == 1
        if not is_type or not isinstance(asked, ast.Call):
            return []
        subject, said = asked.args[0], test.comparators[0]
    else:
        return []
    if not isinstance(subject, ast.Name) or subject.id != name:
        return []
    return said.elts if isinstance(said, ast.Tuple | ast.List | ast.Set) else [said]


def _is_below(knowledge: Knowledge, other: object, cls: Class) -> bool:
    return isinstance(other, Class) and cls in knowledge.hierarchy.lineage(other).project


def _sets(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)
