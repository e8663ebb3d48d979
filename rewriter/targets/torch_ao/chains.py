"""Layers of a class that torch.ao fuses: what one returns goes into the next, and nowhere else."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.values.modules import TorchModule

LETTERS = {
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), "c"),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), "b"),
    "ReLU": "r",
    "Linear": "l",
}
"""A letter for each kind of layer."""
FUSED = ("cbr", "cb", "cr", "lr", "br")
"""What torch.ao has a module for."""


def chains(knowledge: Knowledge, cls: Class) -> list[list[str]]:
    """The attributes of each chain, in the order in which they are called."""
    calls = _calls(cls)
    letters = {name: _letter(knowledge, cls, name) for name, found in calls.items() if len(found) == 1}
    called = {id(found[0][1]): name for name, found in calls.items() if letters.get(name)}
    following: dict[str, str] = {}
    for name, found in calls.items():
        if letters.get(name):
            method, call = found[0]
            consumer = _only_consumer(method, call)
            if consumer is not None and id(consumer) in called:
                following[name] = called[id(consumer)]
    return list(_longest(letters, following))


def _longest(letters: dict[str, str], following: dict[str, str]) -> Iterator[list[str]]:
    used: set[str] = set()
    for pattern in FUSED:
        for first in letters:
            names = [first]
            while len(names) < len(pattern) and names[-1] in following:
                names.append(following[names[-1]])
            if "".join(letters[name] for name in names) == pattern and not used & set(names):
                used |= set(names)
                yield names


def _letter(knowledge: Knowledge, cls: Class, attribute: str) -> str:
    """Of whatever the attribute may be, what is known of it has to agree."""
    parts = knowledge.attribute(cls, attribute).parts
    names = {part.name for part in parts if isinstance(part, TorchModule)} or set(_usual(cls, attribute))
    found = {LETTERS.get(name.removeprefix("torch.nn."), "") for name in names}
    return found.pop() if len(found) == 1 else ""


def _usual(cls: Class, attribute: str) -> Iterator[str]:
    """The class that `self.bn = norm_layer(width)` calls where the caller of `__init__` chooses none."""
    init = cls.constructor
    statements = [n for n in walk(init.node) if isinstance(n, ast.Assign)] if init is not None else []
    for statement in statements:
        target, made = statement.targets[0], statement.value
        is_own = isinstance(target, ast.Attribute) and target.attr == attribute
        if init is None or not is_own or not isinstance(made, ast.Call) or not isinstance(made.func, ast.Name):
            continue
        chosen = [s.value for s in statements if any(_is_named(t, made.func.id) for t in s.targets)]
        chosen += [init.defaults[made.func.id]] if made.func.id in init.defaults else []
        yield from filter(None, map(init.global_name, chosen))


def _calls(cls: Class) -> dict[str, list[tuple[Function, ast.Call]]]:
    """`self.attribute(...)`, for each attribute."""
    found = defaultdict[str, list[tuple[Function, ast.Call]]](list)
    for method in cls.methods.values():
        own = own_name(method)
        for node in walk(method.node):
            func = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and isinstance(func, ast.Attribute) and _is_named(func.value, own):
                found[func.attr].append((method, node))
    return found


def _is_named(node: ast.expr, name: str | None) -> bool:
    return name is not None and isinstance(node, ast.Name) and node.id == name


def _only_consumer(method: Function, call: ast.Call) -> ast.Call | None:
    """The call that takes what this one returns, where nothing else does."""
    for node in walk(method.node):
        if isinstance(node, ast.Call) and _takes(node, call):
            return node
    for block in _blocks(method.node):
        for index, statement in enumerate(block):
            if isinstance(statement, ast.Assign) and statement.value is call:
                return _of_variable(method, statement, block[index + 1 :])
    return None


def _takes(consumer: ast.Call, argument: ast.expr) -> bool:
    return consumer.args == [argument] and not consumer.keywords


def _of_variable(method: Function, assigned: ast.Assign, behind: list[ast.stmt]) -> ast.Call | None:
    """`x = self.conv(x)`, then `x = self.bn(x)` or `return self.bn(x)`: the variable is read once until then."""
    target = assigned.targets[0]
    if len(assigned.targets) != 1 or not isinstance(target, ast.Name):
        return None
    name = target.id
    statement = next((s for s in behind if _reads(s, name) or _writes(s, name)), None)
    if not isinstance(statement, ast.Assign | ast.Return):
        return None
    reads = _reads(statement, name)
    ends = isinstance(statement, ast.Return) or _writes(statement, name) or len(_reads(method.node, name)) == 1
    if len(reads) != 1 or not ends:
        return None
    return next((n for n in walk(statement) if isinstance(n, ast.Call) and _takes(n, reads[0])), None)


def _reads(tree: ast.AST, name: str) -> list[ast.expr]:
    return [n for n in walk(tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]


def _writes(tree: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load) for n in walk(tree))


def _blocks(function: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in walk(function):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield block
