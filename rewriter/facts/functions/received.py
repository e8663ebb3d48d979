"""What constructors are given to call, by the code that makes objects of a class or by a default: `act=F.gelu`.

Functions, and objects of the project's plain classes: `processor=AttnProcessor()`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.interpreter.run import run_expression
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import is_init_call
from rewriter.python.of_file import OfFile
from rewriter.python.trees import named_parameters, walk
from rewriter.values.base import UNKNOWN, Known, Value
from rewriter.values.functions import SomeFunction
from rewriter.values.one_of import join_all
from rewriter.values.plain_objects import is_plain

_Call = tuple[Function, ast.Call]
_CALLS = Question[None, dict[str, list[_Call]]]("which calls does the file make, by the last part of what is called?")
_VARIABLE = Question[tuple[Function, str], tuple[Value, ...]]("which functions and objects may the variable be?")
_RECEIVED = Question[tuple[Class, str], Value]("which functions and objects may a parameter be given?")


def functions_received(known: Known, cls: Class, init: Function) -> Iterator[tuple[str, Value]]:
    """The parameters of a constructor that somebody in the project gives such, or that have one as default."""
    spec = init.node.args
    for argument in named_parameters(spec)[1:]:
        value = _received(known, cls, init, argument.arg)
        if value.may_be(SomeFunction) or value.class_names:
            yield argument.arg, value


def arguments_received(known: Known, cls: Class, init: Function, parameter: str) -> Iterator[tuple[Function, ast.expr]]:
    """What those who make objects of the class say for a parameter of its constructor, each with where it says so."""
    for function, call in _makers(known, cls, init):
        if (node := _argument(call, init, parameter)) is not None:
            yield function, node


def _received(known: Known, cls: Class, init: Function, parameter: str) -> Value:
    def find() -> Value:
        found = [function for maker in _makers(known, cls, init) for function in _given(known, maker, init, parameter)]
        found += _default(known, init, parameter)
        found = list(filter(_can_be_kept, found)) or found
        return join_all([*found, UNKNOWN]) if found else UNKNOWN

    return known.project.answers.found(_RECEIVED, (cls, parameter), find, UNKNOWN, known.guessed)


def _makers(known: Known, cls: Class, init: Function) -> Iterator[_Call]:
    """The calls that make an object by this constructor, and those by which the constructors below it run it."""
    lineages = {below: known.hierarchy.lineage(below) for below in known.hierarchy.subclasses(cls)}
    for made in [cls, *(below for below, lineage in lineages.items() if lineage.constructor is init)]:
        yield from _calls_of(known, made)
    for below, lineage in lineages.items():
        constructor = below.constructor
        if constructor is not None and cls in lineage.project[1:2]:
            yield from ((constructor, n) for n in walk(constructor.node) if isinstance(n, ast.Call) and is_init_call(n))


def _calls_of(known: Known, cls: Class) -> Iterator[_Call]:
    name = cls.node.name
    for path in known.project.paths_mentioning(name):
        calls = known.project.said_by(_CALLED_IN, path)
        file = known.project.file(path) if name in calls else None
        if file is None:
            continue
        known.consults(file)
        for function, call in _calls_in(file).get(name, ()):
            full = function.name_inside(call.func)
            if full is not None and known.project.find(full) is cls:
                yield function, call


def _calls_in(file: File) -> dict[str, list[_Call]]:
    def find() -> dict[str, list[_Call]]:
        found = dict[str, list[_Call]]()
        methods = (method for cls in file.classes for method in cls.methods.values())
        for function in [*file.functions.values(), *methods]:
            for node in walk(function.node):
                func = node.func if isinstance(node, ast.Call) else None
                name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
                if isinstance(node, ast.Call) and name[:1].isupper():
                    found.setdefault(name, []).append((function, node))
        return found

    return file.answers.found(_CALLS, None, find)


_CALLED_IN = OfFile[frozenset[str]](
    "what do functions of the file call by a name with a capital?",
    sorted,
    frozenset,
    find=lambda file: frozenset(_calls_in(file)),
    absent=frozenset(),
)


def _default(known: Known, init: Function, parameter: str) -> Iterator[Value]:
    if (default := init.defaults.get(parameter)) is not None:
        yield from _functions_in(run_expression(known, init.file, default, init.shadowed))


def _given(known: Known, maker: _Call, init: Function, parameter: str) -> Iterator[Value]:
    function, call = maker
    if (node := _argument(call, init, parameter)) is not None:
        for value in _values(known, function, node):
            yield from _functions_in(value)


def _can_be_kept(value: Value) -> bool:
    """Whether a module could keep it; beside one of these, a lambda with several operations would hide what it is."""
    return bool(value.class_names) or (isinstance(value, SomeFunction) and value.may_be_stored)


def _functions_in(value: Value) -> Iterator[Value]:
    yield from (p for p in value.parts if p.class_names or isinstance(p, SomeFunction))


def _argument(call: ast.Call, init: Function, parameter: str) -> ast.expr | None:
    named = next((k.value for k in call.keywords if k.arg == parameter), None)
    spec = init.node.args
    by_position = [a.arg for a in [*spec.posonlyargs, *spec.args]][1:]
    explicit = is_init_call(call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
    given = call.args[1:] if explicit else call.args
    if named is not None or parameter not in by_position[: len(given)]:
        return named
    position = by_position.index(parameter)
    return None if any(isinstance(a, ast.Starred) for a in given[: position + 1]) else given[position]


def _values(known: Known, function: Function, node: ast.expr) -> Iterator[Value]:
    """What an argument may be, where it is a function by its name, an object made there, or a variable that is set."""
    if isinstance(node, ast.IfExp | ast.BoolOp):
        for part in [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values:
            yield from _values(known, function, part)
    elif isinstance(node, ast.Name) and node.id in function.locals:
        yield from _variable(known, function, node.id)
    elif (
        isinstance(node, ast.Name | ast.Attribute | ast.Lambda)
        or _is_partial(function, node)
        or _is_made(known, function, node)
    ):
        yield run_expression(known, function.file, node, function.shadowed | function.locals)


def _variable(known: Known, function: Function, name: str) -> tuple[Value, ...]:
    def find() -> tuple[Value, ...]:  # asks back where variables are exchanged
        return tuple(_values_of_variable(known, function, name))

    return known.project.answers.found(_VARIABLE, (function, name), find, (), known.guessed)


def _values_of_variable(known: Known, function: Function, name: str) -> Iterator[Value]:
    for node in walk(function.node):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield from _values(known, function, node.value)
    if (default := function.defaults.get(name)) is not None:
        yield run_expression(known, function.file, default, function.shadowed)
    if function.is_constructor and function.owner is not None:
        yield _received(known, function.owner, function, name)


def _is_partial(function: Function, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and function.name_inside(node.func) == "functools.partial"


def _is_made(known: Known, function: Function, node: ast.expr) -> bool:
    """`AttnProcessor(scale)`: an object that can be called and is no module."""
    name = function.name_inside(node.func) if isinstance(node, ast.Call) else None
    cls = known.project.find(name) if name is not None else None
    return (
        isinstance(cls, Class) and known.hierarchy.lineage(cls).method("__call__") is not None and is_plain(known, cls)
    )
