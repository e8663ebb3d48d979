"""Whether code does more with a module than call it, ask it or put it somewhere: then each instance would matter."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.placements import Reader, Reads

_ADDING = frozenset({"append", "extend", "insert", "add_module", "register_module", "setdefault", "update"})
_HOLDING = frozenset("list tuple dict set zip enumerate reversed map filter sorted super OrderedDict partial".split())
_ONLY_CALLING = frozenset({"torch.utils.checkpoint.checkpoint", "copy.copy", "copy.deepcopy", "functools.partial"})
_DEEPEST = 4


def reader_of(
    knowledge: Knowledge, function: Function, cls: Class | None, gives_own: Callable[[ast.Call], bool], depth: int = 0
) -> Reader:
    """A reader that follows what a function hands to others of the project."""

    def places(call: ast.Call, given: ast.AST) -> bool:
        return _only_places(knowledge, function, cls, call, given, depth)

    return Reader(function.node, gives_own, places)


def handled_otherwise(knowledge: Knowledge, cls: Class, attribute: str) -> ast.expr | None:
    """Where a class, or one of its line, does more with what an attribute holds."""
    for relative in [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]:
        for method in relative.methods.values():
            own = own_name(method)
            if own is None or attribute not in method.words:
                continue
            reader = reader_of(knowledge, method, relative, lambda _: False)
            if (node := reader.unclear(Reads(attribute, own))) is not None:
                return node
    return None


def _only_places(
    knowledge: Knowledge, function: Function, cls: Class | None, call: ast.Call, given: ast.AST, depth: int
) -> bool:
    """Whether a call does no more with what it is given than to put it somewhere, or call it."""
    name = function.name_inside(call.func)
    if isinstance(call.func, ast.Name) and call.func.id == "setattr":
        return given is call.args[-1] and len(call.args) == 3
    if isinstance(call.func, ast.Attribute) and call.func.attr in _ADDING:
        return True
    found = knowledge.project.find(name) if name is not None else None
    method = _method(knowledge, cls, call, function) if name is None else None
    if isinstance(found, Class):
        cls, method = found, knowledge.hierarchy.lineage(found).constructor
        if method is None:
            return True
    if method is not None:
        parameter = _parameter(method, call, given, own_name(method))
        return parameter is None or _treats_well(knowledge, method, cls, parameter, depth)
    if isinstance(found, Function):
        parameter = _parameter(found, call, given, None)
        return parameter is None or _treats_well(knowledge, found, None, parameter, depth)
    if name is None or name in _ONLY_CALLING or name.rpartition(".")[2] in _HOLDING:
        return True  # a class that was given, most likely
    made = made_class(knowledge, call, function.name_inside)
    return made is not None or name.rpartition(".")[2].lstrip("_")[:1].isupper() or name.startswith("runtime.modules.")


def _method(knowledge: Knowledge, cls: Class | None, call: ast.Call, function: Function) -> Function | None:
    """`self.make(...)`"""
    func = call.func
    if cls is None or not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Name):
        return None
    return knowledge.hierarchy.lineage(cls).method(func.attr) if func.value.id == own_name(function) else None


def _treats_well(knowledge: Knowledge, function: Function, cls: Class | None, parameter: str, depth: int) -> bool:
    """Whether a function of the project, too, only calls or places what it is given there."""
    if depth == _DEEPEST:
        return False
    reader = reader_of(knowledge, function, cls, lambda _: False, depth + 1)
    return reader.unclear(Reads(parameter)) is None


def _parameter(function: Function, call: ast.Call, given: ast.AST, own: str | None) -> str | None:
    """The name that an argument has inside; None where it is one of many."""
    if isinstance(given, ast.keyword):
        return given.arg
    spec = function.node.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args) if a.arg != own]
    place = next((index for index, argument in enumerate(call.args) if argument is given), len(names))
    return names[place] if place < len(names) else None
