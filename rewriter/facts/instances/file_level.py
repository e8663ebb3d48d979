"""Modules that stand at file level, where all who name them share them: which classes made them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, File, Function
from rewriter.python.function_tables import find_variable
from rewriter.python.trees import walk

Makers = list[str | Class]
"""The classes of modules that an expression may stand for; it may stand for what is no module as well."""


def shared_in(knowledge: Knowledge, function: Function) -> Iterator[tuple[frozenset[ast.expr], Makers]]:
    """The expressions of a function that stand for such a module, each time the same one, with what made it."""
    found: dict[str, list[ast.expr]] = {}
    for node in walk(function.node):
        named = node.value if isinstance(node, ast.Subscript) else node
        if isinstance(named, ast.Name) and isinstance(named.ctx, ast.Load) and named.id not in function.locals:
            assert isinstance(node, ast.expr)
            found.setdefault(ast.unparse(node), []).append(node)
    for nodes in found.values():
        if makers := makers_meant(knowledge, function, nodes[0]):
            yield frozenset(nodes), makers


def makers_meant(knowledge: Knowledge, function: Function, node: ast.expr) -> Makers | None:
    """Of `gelu` and `ACTIVATIONS[kind]` in a function, where the file or another one has `gelu = nn.GELU()`.

    None where it is not known what all of them are, or where there is none.
    """
    named = node.value if isinstance(node, ast.Subscript) else node
    found = _variable(knowledge, function, named)
    if found is None:
        return None
    return _in_table(knowledge, *found) if named is not node else _makers(knowledge, *found)


def _variable(knowledge: Knowledge, function: Function, named: ast.expr) -> tuple[File, ast.expr] | None:
    name = function.global_name(named) if isinstance(named, ast.Name | ast.Attribute) else None
    if name is None or name.startswith(("torch.", "builtins.")) or knowledge.project.find(name) is not None:
        return None
    return find_variable(knowledge.project, name)


def _makers(knowledge: Knowledge, file: File, value: ast.expr) -> Makers | None:
    """Of what stands behind `gelu =`: a call of a class, or of a function that looks one up in a table."""
    if not isinstance(value, ast.Call):
        return None
    if (made := made_class(knowledge, value, file.names.full_name)) is not None:
        return [made]
    name = file.names.full_name(value.func)
    found = knowledge.project.find(name) if name is not None else None
    if not isinstance(found, Function) or found.owner is not None or found.decorators:
        return None
    returned = [n.value for n in walk(found.node) if isinstance(n, ast.Return)]
    tables = [_variable(knowledge, found, v.value) if isinstance(v, ast.Subscript) else None for v in returned]
    meant = [None if table is None else _in_table(knowledge, *table) or _made_by(knowledge, *table) for table in tables]
    return _all(meant) if meant else None


def _in_table(knowledge: Knowledge, file: File, value: ast.expr) -> Makers | None:
    """Of what a dict holds: `{"relu": nn.ReLU()}`."""
    found = [_held(knowledge, file, member) for member in value.values] if isinstance(value, ast.Dict) else []
    return _all(found) if any(found) else None


def _made_by(knowledge: Knowledge, file: File, value: ast.expr) -> Makers | None:
    """Of what a class derived from dict makes of the classes in one, each time that it is asked."""
    name = file.names.full_name(value.func) if isinstance(value, ast.Call) else None
    cls = knowledge.project.find(name) if name is not None else None
    if not isinstance(value, ast.Call) or len(value.args) != 1 or not isinstance(cls, Class):
        return None
    makes = any(base and base.endswith(("dict", "Dict")) for base in cls.base_names) and "__getitem__" in cls.methods
    variable = file.names.full_name(value.args[0])
    table = find_variable(knowledge.project, variable) if variable is not None else None
    if not makes or table is None or not isinstance(table[1], ast.Dict):
        return None
    return _all([_named(knowledge, table[0], member) for member in table[1].values])


def _held(knowledge: Knowledge, file: File, member: ast.expr) -> Makers | None:
    """Of one member of a dict; a function makes none."""
    if isinstance(member, ast.Call):
        made = made_class(knowledge, member, file.names.full_name)
        return None if made is None else [made]
    name = file.names.full_name(member)
    if name is None:
        return None
    found = find_variable(knowledge.project, name)
    is_function = isinstance(knowledge.project.find(name), Function) or name.startswith("torch.")
    return _makers(knowledge, *found) if found is not None else [] if is_function else None


def _named(knowledge: Knowledge, file: File, member: ast.expr) -> Makers | None:
    """`nn.ReLU`, or `(Clipped, {"min": -10})`."""
    cls = member.elts[0] if isinstance(member, ast.Tuple) and member.elts else member
    made = made_class(knowledge, ast.Call(cls, [], []), file.names.full_name)
    return None if made is None else [made]


def _all(found: list[Makers | None]) -> Makers | None:
    known = [makers for makers in found if makers is not None]
    return list(dict.fromkeys(made for makers in known for made in makers)) if len(known) == len(found) else None
