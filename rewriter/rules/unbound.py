"""Names that nothing in sight binds: those that are called, and those of classes that others are derived from."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator

from rewriter.python.code import File
from rewriter.python.names import dotted
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.refusals import advice_for

CODE = "RW912"
_OF_EVERY_MODULE = frozenset({"__file__", "__name__", "__doc__", "__spec__", "__path__", "__builtins__"})
_BINDING_UNSEEN = frozenset({"exec", "globals", "vars"})


def unbound(file: File) -> Iterator[Refusal]:
    """One reason for each such name, where it is called first; where a star import may bind it, for each class."""
    if file.words & _BINDING_UNSEEN:
        return
    if file.names.stars:
        yield from _derived_from_unseen(file)
        return
    missing = _missing(file)
    for node in walk(file.source.tree) if missing else ():
        path = dotted(node.func) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and path is not None and path[0] in missing:
            missing.remove(path[0])
            message = f"`{path[0]}` is bound to nothing here: `{'.'.join(path)}()` raises a NameError"
            yield Refusal(CODE, message, file.source.span(node.func), advice_for(CODE))


def _derived_from_unseen(file: File) -> Iterator[Refusal]:
    """Classes with a forward, of which only a star import from another library can say what they derive from."""
    for cls in file.classes:
        paths = [(base, path) for base in cls.node.bases if (path := dotted(base)) is not None]
        for base, path in paths if "forward" in cls.methods else ():
            if path[0] not in file.names.bindings and not hasattr(builtins, path[0]) and not _is_known(file, path[0]):
                origin = f"`from {file.names.stars[-1]} import *`, which is out of sight"
                message = f"`{'.'.join(path)}` may come from {origin}: {cls.node.name} is not read"
                yield Refusal(CODE, message, file.source.span(base), advice_for(CODE))


def _is_known(file: File, name: str) -> bool:
    return file.names.meaning(name) is not None or all(star.startswith("torch") for star in file.names.stars)


def _missing(file: File) -> set[str]:
    """The names that some scope reads from the module or from Python, and that neither has."""
    try:
        module = symtable.symtable(file.source.text, file.path.name, "exec")
    except SyntaxError:  # it parses, and Python does not run it: nothing is said of it
        return set()
    read, bound = set[str](), {*dir(builtins), *_OF_EVERY_MODULE}
    for table in _tables(module):
        for symbol in table.get_symbols():
            of_module = table is module or symbol.is_declared_global()
            if of_module and (symbol.is_assigned() or symbol.is_imported()):
                bound.add(symbol.get_name())
            if symbol.is_referenced() and (table is module or symbol.is_global()):
                read.add(symbol.get_name())
    return read - bound


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)
