"""Names of torch's functions that a function binds for itself, and reads no more once its operations are modules."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rewriter.emit.removal import Unused, imported, stands_alone
from rewriter.python.code import File
from rewriter.python.names import dotted
from rewriter.python.trees import children, walk

_Scope = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# Whoever calls one of these may read any name of the function.
_READS_ANY_NAME = ("locals", "vars", "eval", "exec")


def unused_names(file: File, new_text: str) -> list[Unused]:
    """Those of `softmax = torch.softmax` and its like; `new_text` is what the file becomes."""
    known = _torch_alone(file.source.tree)
    functions = _functions(file.source.tree)
    binding = {path: f for path, f in functions.items() if any(_bound(s, known) for _, s in _statements(f))}
    after = _functions(ast.parse(new_text)) if binding else {}
    pairs = ((function, after[path]) for path, function in binding.items() if path in after)
    return [found for before, now in pairs for found in _unused_in(file, before, now, known)]


def _torch_alone(tree: ast.Module) -> set[str]:
    """The names that imports of torch bind, and nothing else in the file does."""
    torch, others = set[str](), set[str]()
    for node in walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = {unused.name for unused in imported(node)}
            torch |= found
            others |= {alias.asname or alias.name.split(".")[0] for alias in node.names} - found
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            others.add(node.id)
        elif isinstance(node, ast.arg):
            others.add(node.arg)
    return torch - others


def _functions(tree: ast.Module) -> dict[str, ast.AST]:
    """The functions by their paths, where a path leads to one of them."""
    found: dict[str, list[ast.AST]] = {}

    def search(node: ast.AST, path: str) -> None:
        for child in children(node):
            inner = f"{path}.{child.name}" if isinstance(child, _Scope) else path
            if isinstance(child, _Scope):
                found.setdefault(inner, []).append(child)
            search(child, inner)

    search(tree, "")
    return {
        path: nodes[0] for path, nodes in found.items() if len(nodes) == 1 and not isinstance(nodes[0], ast.ClassDef)
    }


def _statements(node: ast.AST) -> Iterator[tuple[list[ast.stmt], ast.stmt]]:
    """The statements of the function itself, each with the block that it stands in."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        block: list[Any] = getattr(node, name, [])
        for inner in block if isinstance(block, list) else ():
            if isinstance(inner, ast.stmt):
                yield block, inner
            if not isinstance(inner, _Scope):
                yield from _statements(inner)


def _bound(statement: ast.stmt, known: set[str]) -> list[Unused]:
    """What the statement binds to things of torch, which it finds by their names and does nothing else for."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    values = [statement.value]
    if isinstance(targets[0], ast.Tuple) and isinstance(statement.value, ast.Tuple) and len(targets) == 1:
        targets, values = targets[0].elts, statement.value.elts
    if len(targets) != len(values) or not all((dotted(value) or [""])[0] in known for value in values):
        return []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [Unused(statement, name) for name in names] if len(names) == len(targets) else []


def _occurrences(function: ast.AST) -> Counter[str]:
    """How often each name occurs in the function, be it read or bound."""
    found: Counter[str] = Counter()
    for node in walk(function):
        if isinstance(node, ast.Name):
            found[node.id] += 1
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.arg):
            found[node.arg] += 1
        elif isinstance(node, ast.alias):
            found[node.asname or node.name.split(".")[0]] += 1
        elif isinstance(node, _Scope | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            found[node.name or ""] += 1
    return found


def _unused_in(file: File, function: ast.AST, now: ast.AST, known: set[str]) -> Iterator[Unused]:
    before, after = _occurrences(function), _occurrences(now)
    if any(after[name] for name in _READS_ANY_NAME):
        return
    left: dict[int, int] = {}
    for block, statement in _statements(function):
        bound = _bound(statement, known)
        is_unused = all(before[found.name] > 1 and after[found.name] == 1 for found in bound)
        # A block has one statement at least.
        if bound and is_unused and left.setdefault(id(block), len(block)) > 1 and stands_alone(file, statement):
            left[id(block)] -= 1
            yield from bound
