"""Code that goes over the children of other objects: among these it meets a module once, however often it is placed.

`children()` and `named_children()` pass over what they have met before. Whoever builds a network out of them, as
`nn.Sequential(*list(backbone.children())[:-1])` does, leaves out the second place of an activation; it would keep one
that is an instance of its own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.walks.consists import Maker, named_from
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.of_file import OfFile
from rewriter.python.trees import Comprehension, assigned_once, children, named_parameters, walk
from rewriter.torch_api.elsewhere import OF_THEIR_OWN
from rewriter.values.modules import Module

_WALKS = frozenset({"children", "named_children"})
_WALKING = r"\.(?:named_)?children\("
_IMPORTING = r"\bimport\b"
_BOUND_IN = OfFile[list[str]](
    "what may the names of the file stand for?",
    find=lambda file: sorted(set().union(*file.names.bindings.values())),
    absent=[],
    asks_names=True,
)
_PLACING = frozenset({"append", "extend", "insert", "add", "add_module", "register_module", "setattr"})
_QUIET = frozenset({"torch", "runtime", "builtins", *OF_THEIR_OWN, *sys.stdlib_module_names})
"""What code of these roots does with modules is known, or it has nothing to do with them."""
_WALKERS = Question[None, tuple["_Walker", ...]]("which code builds something of the children of other objects?")


@dataclass(frozen=True)
class _Walker:
    said: str
    near: tuple[Maker, ...] | None
    """Whose parts it goes over; None where these may be anybody's."""


def who_meets_once(knowledge: Knowledge, function: Function, cls: Class | None, as_attribute: bool) -> str | None:
    """What may go over the children of an object into which the function puts a module in several places.

    Objects that have them for attributes have a forward of their own as a rule: nobody but their own code runs their
    children one behind the other.
    """
    for walker in knowledge.project.answers.found(_WALKERS, None, lambda: tuple(_walkers(knowledge))):
        near = named_from(knowledge.hierarchy, walker.near) if walker.near is not None else ()
        if function in near or cls in near or (walker.near is None and not as_attribute):
            return walker.said
    return None


def _walkers(knowledge: Knowledge) -> Iterator[_Walker]:
    for file in knowledge.project.files_matching(_WALKING):
        for function in _functions(file):
            if function.words & _WALKS:
                yield from _in_sight(knowledge, function)
    for path in knowledge.project.paths_matching(_IMPORTING):
        bound = knowledge.project.said_by(_BOUND_IN, path)
        importing = knowledge.project.file(path) if any(_is_unseen(knowledge, name) for name in bound) else None
        if importing is not None:
            yield from (walker for function in _functions(importing) for walker in _out_of_sight(knowledge, function))


def _functions(file: File) -> list[Function]:
    return [*file.functions.values(), *file.methods]


def _in_sight(knowledge: Knowledge, function: Function) -> Iterator[_Walker]:
    above = {child: node for node in walk(function.node) for child in children(node)}
    for node in walk(function.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _WALKS:
            continue
        near = _gone_over(knowledge, function, node.func.value)
        if near != () and _is_kept(node, above):
            yield _Walker(f"`{ast.unparse(node)}`", near)


def _gone_over(knowledge: Knowledge, function: Function, of: ast.expr) -> tuple[Maker, ...] | None:
    """Whose parts `of.children()` goes over: nobody's of the project, those of the class that asks, or anybody's."""
    while isinstance(of, ast.Attribute | ast.Subscript):
        of = of.value
    if isinstance(of, ast.Name) and function.owner is not None and of.id == own_name(function):
        return (function.owner, *knowledge.hierarchy.subclasses(function.owner))
    made = assigned_once(function.node, of.id) if isinstance(of, ast.Name) else of
    name = function.name_inside(made.func) if isinstance(made, ast.Call) else None
    return () if name is not None and knowledge.project.find(name) is None else None


def _is_kept(walked: ast.Call, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether the members are called, or put somewhere; code that asks them or sets them up does so once or twice."""
    child: ast.AST = walked
    while isinstance(above[child], ast.expr | ast.comprehension | ast.Starred):
        child = above[child]
        if isinstance(child, Comprehension):
            return True
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id not in _COUNTING:
            return True
    loop = above[child]
    if not isinstance(loop, ast.For) or child is not loop.iter:
        return not isinstance(loop, ast.For | ast.Expr)
    members = {n.id for n in walk(loop.target) if isinstance(n, ast.Name)}
    return any(_keeps(node, members) for statement in loop.body for node in walk(statement))


_COUNTING = frozenset({"enumerate", "zip", "len", "any", "all", "reversed"})


def _keeps(node: ast.AST, members: set[str]) -> bool:
    if isinstance(node, ast.Assign):
        value = node.value
        targets = any(isinstance(target, ast.Subscript) for target in node.targets)
        return targets and isinstance(value, ast.Name) and value.id in members
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Yield)
    if isinstance(node.func, ast.Name) and node.func.id in members:
        return True
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    given = {n.id for a in node.args for n in walk(a) if isinstance(n, ast.Name)}
    return called in _PLACING and bool(given & members)


# Code out of sight


def _out_of_sight(knowledge: Knowledge, function: Function) -> Iterator[_Walker]:
    """`LayerGetter(backbone, ...)`, of a class that nobody can see, whose object takes the module's place."""
    for node in walk(function.node):
        name = function.name_inside(node.func) if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or name is None or not name.rpartition(".")[2][:1].isupper():
            continue
        others = (*node.args[1:], *(keyword.value for keyword in node.keywords))
        given = [(value, True) for value in node.args[:1]] + [(value, False) for value in others]
        if (
            _is_unseen(knowledge, name)
            and any(_may_be_module(knowledge, function, value, untyped) for value, untyped in given)
            and _becomes_part(knowledge, function, node)
        ):
            yield _Walker(f"`{ast.unparse(node.func)}()`, which is out of sight,", None)


def _is_unseen(knowledge: Knowledge, name: str) -> bool:
    return bool(name) and name.partition(".")[0] not in _QUIET and knowledge.project.find(name) is None


def _may_be_module(knowledge: Knowledge, function: Function, value: ast.expr, untyped: bool) -> bool:
    """Whether an argument is a module as far as the function says; one that nobody typed is, where it comes first."""
    of_own = own_name(function) if function.owner is not None else None
    seen = set[str]()
    while not isinstance(value, ast.Call):
        if isinstance(value, ast.Attribute) and ast.unparse(value.value) == of_own and function.owner is not None:
            return knowledge.attribute(function.owner, value.attr).may_be(Module)
        if isinstance(value, ast.Attribute):
            value, untyped = value.value, False
            continue
        made = assigned_once(function.node, value.id) if isinstance(value, ast.Name) and value.id not in seen else None
        if made is None or not isinstance(value, ast.Name):
            name = value.id if isinstance(value, ast.Name) else ""
            return name in _annotations(function) and _names_module(_annotations(function)[name], untyped)
        seen.add(value.id)
        value = made
    return _makes_module(knowledge, function, value, untyped)


def _makes_module(knowledge: Knowledge, function: Function, call: ast.Call, untyped: bool) -> bool:
    if isinstance(call.func, ast.Name) and call.func.id in _annotations(function):
        return _names_module(_annotations(function)[call.func.id], untyped)
    if made_class(knowledge, call, function.name_inside) is not None:
        return True
    found = knowledge.project.find(function.name_inside(call.func) or "")
    return isinstance(found, Function) and _makes_modules(knowledge, found)


def _annotations(function: Function) -> dict[str, ast.expr | None]:
    spec = function.node.args
    return {a.arg: a.annotation for a in named_parameters(spec)}


def _names_module(annotation: ast.expr | None, untyped: bool) -> bool:
    return untyped if annotation is None else "Module" in ast.unparse(annotation)


def _makes_modules(knowledge: Knowledge, function: Function) -> bool:
    made = named_from(knowledge.hierarchy, [function])
    return any(isinstance(maker, Class) and knowledge.hierarchy.lineage(maker).is_module for maker in made)


def _becomes_part(knowledge: Knowledge, function: Function, made: ast.Call) -> bool:
    """Whether an object is kept by a module, handed to the constructor of one, or returned."""
    nodes = walk(function.node)
    names = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and node.value is made
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    is_module = function.owner is not None and knowledge.hierarchy.lineage(function.owner).is_module
    for node in nodes:
        taken = list[ast.expr | None]()
        if isinstance(node, ast.Return):
            taken = [node.value]
        elif isinstance(node, ast.Assign) and is_module:
            taken = [node.value] if any(isinstance(target, ast.Attribute) for target in node.targets) else []
        elif isinstance(node, ast.Call) and made_class(knowledge, node, function.name_inside) is not None:
            taken = [*node.args, *(k.value for k in node.keywords)]
        if any(_is_it(value, made, names) for value in taken):
            return True
    return False


def _is_it(value: ast.expr | None, made: ast.Call, names: set[str]) -> bool:
    return value is made or (isinstance(value, ast.Name) and value.id in names)
