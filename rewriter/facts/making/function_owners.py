"""What holds the modules of a function that belongs to no class: an object that the function is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rewriter.facts.functions.asked_about import only_asked
from rewriter.facts.functions.asked_for_parameters import are_counted
from rewriter.facts.functions.scripted_objects import may_be_scripted
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction, NoPlace, find_construction
from rewriter.facts.making.namespaces import meets_new_names
from rewriter.facts.making.scripted import is_compiled_alone
from rewriter.interpreter.binding import shared_class
from rewriter.python.code import Class, Function
from rewriter.python.decorators import keeps_parameters
from rewriter.python.names import bound_names
from rewriter.python.private_names import spellings
from rewriter.python.trees import walk
from rewriter.values.plain_objects import RUN_BY_CLASS


@dataclass(frozen=True)
class Holder:
    """A class to be written above the function. Its objects hold the function's modules; a parameter brings one."""

    function: Function
    name: str
    parameter: str
    document: ClassVar[str] = "The modules of its operations."
    """What is said of the parameter."""

    @property
    def init(self) -> None:
        """There is no `__init__` yet, so that nothing in it has to be looked at."""
        return None


@dataclass(frozen=True)
class Held:
    """Where a function's modules are made, and the parameter under which it finds them."""

    place: Holder | Construction
    parameter: str


def holder_of(knowledge: Knowledge, function: Function) -> tuple[str, Class] | None:
    """The parameter `ops=runtime.modules.shared[BlockOps]` that a function has already, with its class."""
    spec = function.node.args
    for argument, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        found = shared_class(knowledge.project, default, function) if default is not None else None
        if found is not None and found.file is function.file:
            return argument.arg, found
    return None


def find_holder(knowledge: Knowledge, function: Function) -> Held | NoPlace:
    if existing := holder_of(knowledge, function):
        parameter, cls = existing
        place = find_construction(knowledge, cls)
        return place if isinstance(place, NoPlace) else Held(place, parameter)
    if why := _rigid(knowledge, function):
        what = "function" if function.is_free else "method"
        return NoPlace("RW903", f"the {what} {function.node.name} cannot be given modules: {why}", "")
    parameter = _parameter_name(knowledge, function)
    taken = {*function.file.names.bindings, *function.file.words}
    name = _class_name(function.node.name)
    if (around := function.owner) is not None:
        taken |= {_class_name(free) for free in function.file.functions}
        name = f"{around.node.name}{name.lstrip('_')}"
    return Held(Holder(function, _free(name, taken), parameter), parameter)


def _parameter_name(knowledge: Knowledge, function: Function) -> str:
    """A name that the function does not use, and that nobody passes to it where it takes keywords of any name."""
    taken = {*function.locals, *_names(function.node)}
    if function.node.args.kwarg is not None:
        for file in knowledge.project.files_mentioning("ops"):
            taken |= {n.arg for n in walk(file.source.tree) if isinstance(n, ast.keyword) and n.arg is not None}
            taken |= {
                n.value for n in walk(file.source.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
    return _free("ops", taken)


def _rigid(knowledge: Knowledge, function: Function) -> str | None:
    """Why a function cannot take another parameter."""
    node, name = function.node, function.node.name
    if function.is_property or (name.startswith("__") and name not in RUN_BY_CLASS and function.owner is not None):
        return "Python itself calls it, and gives it none"
    if function.is_static and len(spellings(name)) > 1:
        return "no pickle of a module that keeps it finds a private method by its name"
    if not function.is_free and function.owner is not None and may_be_scripted(knowledge, function.owner):
        return f"TorchScript may compile {function.owner.node.name}, whose methods cannot take modules there"
    opaque = (d for d in node.decorator_list if not keeps_parameters(knowledge.project, function, d))
    if (decorator := next(opaque, None)) is not None:
        return f"the decorator {ast.unparse(decorator)} may change what the function takes"
    if function.owner is None and function.decorators & {"staticmethod", "classmethod"}:
        return "it is decorated as a method and stands in no class: what that makes of it cannot be copied"
    if function.shadowed:
        return "its class stands in a function"
    if why := _met_by_others(knowledge, function):
        return why
    if not any(s.lineno <= node.lineno <= (s.end_lineno or 0) for s in _definitions(function)):
        return "it stands in a branch of the file"
    if isinstance(node, ast.AsyncFunctionDef) or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in walk(node)):
        return "it is a generator or a coroutine"
    asked = set(map(id, only_asked(knowledge.project, function)))
    if any(_names_it(n, function) and id(n) not in asked for statement in node.body for n in walk(statement)):
        return "it refers to itself"
    if is_compiled_alone(knowledge.hierarchy, function):
        return "it is compiled by torch.jit.script, where a function cannot take modules"
    return None


def _met_by_others(knowledge: Knowledge, function: Function) -> str | None:
    """Why code would notice that the function has become another one, or has a class beside it."""
    if _bound_again(function):
        return "its name is bound more than once"
    if are_counted(knowledge.project, function):
        return "code counts or goes through the parameters that it takes"
    if meets_new_names(knowledge.project, function.file):
        return "its file goes through its own names, and would meet the class for the modules there"
    return None


def _bound_again(function: Function) -> bool:
    name, cls, names = function.node.name, function.owner, function.file.names
    if cls is None:
        return names.meaning(name) != names.own(name) or name in names.bound_again
    return sum(name in bound_names(statement) for statement in cls.node.body) != 1


def _definitions(function: Function) -> Iterator[ast.stmt]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return (statement for statement in function.file.source.tree.body if isinstance(statement, kinds))


def _names_it(node: ast.AST, function: Function) -> bool:
    if function.is_static:
        return isinstance(node, ast.Attribute) and node.attr == function.node.name
    if function.owner is not None:
        return False  # others have methods of that name, too; that it comes back to itself is seen when it is run
    return isinstance(node, ast.Name) and node.id == function.node.name


def _class_name(function: str) -> str:
    """`_window_attention` -> `_WindowAttentionOps`."""
    bare = function.lstrip("_")
    camel = "".join(part[:1].upper() + part[1:] for part in bare.split("_"))
    return f"{'_' if bare != function else ''}{camel}Ops"


def _names(tree: ast.AST) -> set[str]:
    return {n.id for n in walk(tree) if isinstance(n, ast.Name)}


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}{number}", number + 1
    return name
