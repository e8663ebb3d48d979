"""Imports of torch, and of quantizers, that nothing in the file reads any more once its operations are modules."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from rewriter.emit.splice import Splice
from rewriter.python.code import File
from rewriter.python.names import last_name
from rewriter.python.project import Project
from rewriter.python.trees import children, walk
from rewriter.torch_api.elsewhere import WITH_MODULES

# Whoever calls one of these in the file may read any name of it.
_READS_ANY_NAME = {"globals", "locals", "vars", "eval", "exec", "__getattr__", "getmembers"}

# Called in a function without arguments, these read what is local there.
_READS_LOCALS = {"locals", "vars"}

# An import whose comment is `noqa: N812` goes as a whole; a bare `noqa` and F401 say that nobody need read it.
_SAYS_NOTHING_OF_USE = re.compile(r"\s*#\s*noqa:(?!.*F401)[\s,]*[A-Z]+\d+[A-Z0-9\s,]*$")


@dataclass(frozen=True)
class Unused:
    """An imported name that the file had a use for before, and has none for now."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias

    @property
    def name(self) -> str:
        return self.alias.asname or self.alias.name.split(".")[0]


def unused_imports(file: File, new_text: str, project: Project) -> list[Unused]:
    """Those that no other file takes from this one. A package's own file imports for others."""
    if file.path.name == "__init__.py":
        return []
    candidates = [found for found in _of_modules(file) if _is_plain(file, found)]
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


def _of_modules(file: File) -> Iterator[Unused]:
    for statement in file.source.tree.body:
        if isinstance(statement, ast.Import):
            yield from (Unused(statement, a) for a in statement.names if _has_modules(a.name))
        elif isinstance(statement, ast.ImportFrom) and _has_modules(statement.module or ""):
            yield from (Unused(statement, alias) for alias in statement.names if alias.name != "*")


def _has_modules(name: str) -> bool:
    return name.partition(".")[0] in WITH_MODULES


def _is_plain(file: File, found: Unused) -> bool:
    """Whether the import stands on lines of its own, is not commented on, and is the only one of its name."""
    statement, source = found.statement, file.source
    assert statement.end_lineno is not None
    lines = "".join(source.lines[statement.lineno - 1 : statement.end_lineno])
    if len(statement.names) == 1:
        lines = _SAYS_NOTHING_OF_USE.sub("", lines)
    again = found.alias.asname == found.alias.name  # `import x as x` is said to be for others
    alone = lines.strip() == source.segment(statement) and "#" not in lines and "\\" not in lines
    return alone and not again and len(file.names.bindings.get(found.name, ())) == 1


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


def removal_splices(file: File, unused: list[Unused], others: Iterable[Splice]) -> list[Splice]:
    """`others` is what else is written: an import may be put in the place of one that goes."""
    splices: list[Splice] = []
    written_at = {splice.start for splice in others}
    for statement in dict.fromkeys(found.statement for found in unused):
        gone = {id(found.alias) for found in unused if found.statement is statement}
        if len(gone) == len(statement.names):
            splices.append(_whole(file, statement, written_at))
        else:
            splices += _parts(file, statement.names, gone)
    return splices


def _whole(file: File, statement: ast.stmt, written_at: set[int]) -> Splice:
    """The statement's lines; of the blank ones before and behind it, where it stands between such, the fewer."""
    source = file.source
    assert statement.end_lineno is not None
    first, last = statement.lineno, statement.end_lineno
    above = source.line_end(first - 1) if first > 1 else 0
    if written_at.isdisjoint({above, source.line_end(last)}):
        before, behind = _blank(reversed(source.lines[: first - 1])), _blank(source.lines[last:])
        first, last = (first - before, last) if before < behind else (first, last + min(before, behind))
    return Splice(source.line_end(first - 1) if first > 1 else 0, source.line_end(last), "")


def _blank(lines: Iterable[str]) -> int:
    """How many blank lines come first."""
    return sum(1 for _ in takewhile(lambda line: not line.strip(), lines))


def _parts(file: File, names: list[ast.alias], gone: set[int]) -> Iterator[Splice]:
    source = file.source
    for place, alias in enumerate(names):
        if id(alias) not in gone:
            continue
        assert alias.end_lineno is not None and alias.end_col_offset is not None
        start, end = (
            source.offset(alias.lineno, alias.col_offset),
            source.offset(alias.end_lineno, alias.end_col_offset),
        )
        if any(id(later) not in gone for later in names[place + 1 :]):
            following = names[place + 1]
            yield Splice(start, source.offset(following.lineno, following.col_offset), "")
        else:
            before = names[place - 1]
            assert before.end_lineno is not None and before.end_col_offset is not None
            yield Splice(source.offset(before.end_lineno, before.end_col_offset), end, "")
