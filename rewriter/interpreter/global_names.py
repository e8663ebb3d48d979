"""What a name means that is none of a function's variables."""

from __future__ import annotations

import ast

from rewriter.python.code import Class, Function
from rewriter.python.fallbacks import imported_or_none
from rewriter.python.function_tables import find_table
from rewriter.python.patched import is_set_from_outside
from rewriter.python.trees import walk
from rewriter.torch_api import tensors
from rewriter.values.base import UNKNOWN, Known, Value
from rewriter.values.classes import ProjectClass, TorchClass
from rewriter.values.dictionary import Dictionary
from rewriter.values.elsewhere import DefinedInBranches, Differentiated
from rewriter.values.function_table import FunctionTable
from rewriter.values.functions import ANY_OPERATION, BoundMethod, ProjectFunction, SomeFunction
from rewriter.values.library import Named, TorchFunction
from rewriter.values.named_tuple_class import NamedTupleClass
from rewriter.values.one_of import join
from rewriter.values.plain import FACT, NONE, NUMBER, OTHER

_NUMBERS = frozenset({"math.pi", "math.e", "math.tau", "math.inf", "math.nan", "numpy.pi"})


def meaning(known: Known, function: Function, node: ast.expr) -> Value:
    """The value of a global name or dotted path."""
    name = function.global_name(node)
    return _in_dispute(known, function, node) if name is None else _named(known, name)


def _in_dispute(known: Known, function: Function, node: ast.expr) -> Value:
    """A function that one branch of the file defines, and another one imports; or what is None where there is none."""
    if isinstance(node, ast.Name) and node.id not in function.shadowed | function.locals:
        imported = imported_or_none(function.file, node.id)
        if imported is not None:
            return join(_named(known, imported), NONE)
    if not isinstance(node, ast.Name) or node.id not in function.file.alternatives:
        return UNKNOWN
    name = f"{function.file.module}.{node.id}"
    is_hidden = node.id in function.shadowed | function.locals
    return UNKNOWN if is_hidden or not _is_defined_in_branches(known, name) else DefinedInBranches(name)


def _named(known: Known, name: str) -> Value:
    if name.startswith("torch."):
        return _of_torch(name)
    if name.startswith("runtime.modules.") or name.endswith((".modules.Function", ".modules.Call")):
        return _class_or_function(name)
    found = known.project.find(name)
    if isinstance(found, Function):
        return ProjectFunction(found)
    if isinstance(found, Class):
        return ProjectClass(found)
    if found is None and _is_defined_in_branches(known, name):
        return DefinedInBranches(name)
    if (static := _static_method(known, name)) is not None:
        return static
    if name.endswith(".apply") and _is_differentiated(known, name.removesuffix(".apply")):
        return Differentiated(name)
    if _is_torch_table(known, name):
        return Dictionary(ANY_OPERATION)
    if name in _NUMBERS or name.startswith("sys."):
        return NUMBER if name in _NUMBERS else OTHER
    if name.startswith("math."):
        return TorchFunction(name)
    if (table := find_table(known.hierarchy, name)) is not None:
        return FunctionTable.of(table)
    value = known.variable(name)
    is_function = any(part.may_be(SomeFunction) for part in (value, *value.held))
    is_told = isinstance(value, NamedTupleClass) or (is_function and not is_set_from_outside(known.project, name))
    return value if is_told else Named(name)


def _of_torch(name: str) -> Value:
    if tensors.is_constant(name):
        return NUMBER if tensors.is_number(name) else FACT
    return _class_or_function(name)


def _class_or_function(name: str) -> Value:
    return TorchClass(name) if name.rpartition(".")[2][:1].isupper() else TorchFunction(name)


def _static_method(known: Known, name: str) -> BoundMethod | None:
    """`Net.mix`, a method that needs no object."""
    head, _, tail = name.rpartition(".")
    cls = known.project.find(head) if head else None
    method = known.hierarchy.lineage(cls).method(tail) if isinstance(cls, Class) else None
    is_static = isinstance(cls, Class) and method is not None and method.is_static
    return BoundMethod(method, cls, own=False) if is_static and isinstance(cls, Class) and method is not None else None


def _is_differentiated(known: Known, name: str) -> bool:
    found = known.project.find(name)
    return isinstance(found, Class) and "torch.autograd.Function" in known.hierarchy.lineage(found).torch


def _is_defined_in_branches(known: Known, name: str) -> bool:
    """A function that branches at module level define, or import, in several ways."""
    definitions, bare = known.project.alternatives(name), name.rpartition(".")[2]
    nodes = walk(definitions[0].file.source.tree) if definitions else ()
    stored = any(isinstance(n, ast.Name) and n.id == bare and not isinstance(n.ctx, ast.Load) for n in nodes)
    return bool(definitions) and not stored and bare not in definitions[0].file.functions


def _is_torch_table(known: Known, name: str) -> bool:
    """A module-level dict of functions of torch."""
    module, _, variable = name.rpartition(".")
    file = known.project.module(module) if module else None
    return file is not None and variable in file.tables
