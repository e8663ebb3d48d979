"""Imports of torch, and of quantizers, that nothing in the file reads any more once its operations are modules."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from rewriter.emit.removal import Unused, imported, stands_alone
from rewriter.python.code import File
from rewriter.python.names import last_name
from rewriter.python.project import Project
from rewriter.python.trees import children, walk

# Whoever calls one of these in the file may read any name of it.
_READS_ANY_NAME = {"globals", "locals", "vars", "eval", "exec", "__getattr__", "getmembers"}

# Called in a function without arguments, these read what is local there.
_READS_LOCALS = {"locals", "vars"}


def unused_imports(file: File, new_text: str, project: Project) -> list[Unused]:
    """Those that no other file takes from this one. A package's own file imports for others."""
    if file.path.name == "__init__.py":
        return []
    found_here = (found for statement in file.source.tree.body for found in imported(statement))
    candidates = [found for found in found_here if _is_plain(file, found)]
    if not candidates:
        return []
    new = ast.parse(new_text)
    before, after = _read(file.source.tree), _read(new)
    if after & _READS_ANY_NAME:
        return []
    gone = [found for found in candidates if found.name in before and found.name not in after]
    mentioned = _mentioned(new, new_text) if gone else ""
    return [
        found
        for found in gone
        if not re.search(rf"\b{found.name}\b", mentioned) and not _is_taken_elsewhere(file, found.name, project)
    ]


def _is_plain(file: File, found: Unused) -> bool:
    """Whether the import stands alone and is the only one of its name."""
    again = found.alias is not None and found.alias.asname == found.alias.name  # `import x as x` is for others
    is_only = len(file.names.bindings.get(found.name, ())) == 1
    return is_only and not again and stands_alone(file, found.statement)


def _read(tree: ast.Module) -> set[str]:
    """The names that the code reads, and those that it binds: a function may hide an import or declare it global."""
    local = {
        id(name) for function in walk(tree) if isinstance(function, ast.FunctionDef) for name in _of_locals(function)
    }
    names = {n.id for n in walk(tree) if isinstance(n, ast.Name) and id(n) not in local}
    return names | {name for n in walk(tree) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}


def _of_locals(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """The `locals` of `kwargs = dict(locals())`, which the body of a class in the function would not share."""
    pending: list[ast.AST] = [*function.body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Call) and not node.args and not node.keywords and last_name(node.func) in _READS_LOCALS:
            yield node.func
        if not isinstance(node, ast.ClassDef):
            pending += children(node)


def _mentioned(tree: ast.Module, text: str) -> str:
    """The strings that may name something, and the comments that say types; documentation is neither."""
    documented = {id(s.value) for s in walk(tree) if isinstance(s, ast.Expr)}
    strings = [
        n.value for n in walk(tree) if isinstance(n, ast.Constant) and id(n) not in documented and type(n.value) is str
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline) if "type:" in text else ()
    comments = [t.string for t in tokens if t.type == tokenize.COMMENT and "type:" in t.string]
    return "\n".join([*map(str, strings), *comments])


def _is_taken_elsewhere(file: File, name: str, project: Project) -> bool:
    """Whether another file imports the name from this one, all names of it, or reads it as an attribute of it."""
    own = file.module.rpartition(".")[2] or file.path.stem
    taking = {name} if "__all__" in file.names.bindings else {name, "*"}
    others = [other for text in sorted(taking) for other in project.files_mentioning(own, text)]
    return any(_takes(other.source.tree, own, name, taking) for other in dict.fromkeys(others) if other is not file)


def _takes(tree: ast.Module, module: str, name: str, taking: set[str]) -> bool:
    called = {module}
    for node in walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported = {alias.name for alias in node.names}
            if (node.module or "").rpartition(".")[2] == module and imported & taking:
                return True
        if isinstance(node, ast.Import | ast.ImportFrom):
            called |= {a.asname for a in node.names if a.asname and a.name.rpartition(".")[2] == module}
    return any(isinstance(n, ast.Attribute) and n.attr == name and last_name(n.value) in called for n in walk(tree))
