"""Functions of the project that are run with what the two runs do not share."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.functions.applied import function_meant
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.things import ANY, NONE, OBJECT, SAME, Tells, Value, is_settled, one_of, said
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk

_ORDINARY = frozenset({"staticmethod", "torch.no_grad"})


@dataclass(frozen=True)
class Given:
    """What a call hands over."""

    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]

    @property
    def all(self) -> tuple[Value, ...]:
        return (*self.positional, *(v for _, v in self.keywords))

    @property
    def is_settled(self) -> bool:
        return all(map(is_settled, self.all))


def given_by(run: Runner, node: ast.Call, frame: Frame) -> Given:
    positional = tuple(run.value(run, a, frame) for a in node.args)
    if any(isinstance(a, ast.Starred) and not is_settled(v) for a, v in zip(node.args, positional, strict=True)):
        raise Tells
    return Given(positional, tuple((k.arg or "", run.value(run, k.value, frame)) for k in node.keywords))


def applied(run: Runner, given: ast.expr, item: Value, frame: Frame) -> Value:
    """Calls what an expression stands for with the item, behind what a `partial` gives."""
    if isinstance(given, ast.Lambda):
        names = [a.arg for a in given.args.args]
        if len(names) != 1:
            raise Tells
        inner = frame.inner(frame.function, {**frame.variables, names[0]: item})
        return run.value(run, given.body, inner)
    before, keywords = list[Value](), list[tuple[str, Value]]()
    if isinstance(given, ast.Call) and given.args and ast.unparse(given.func).endswith("partial"):
        found = given_by(run, given, frame)
        before, keywords, given = list(found.positional[1:]), list(found.keywords), given.args[0]
    return run_function(run, given, Given((*before, item), tuple(keywords)), frame)


def run_function(run: Runner, func: ast.expr, given: Given, frame: Frame) -> Value:
    """Runs a function of the project with what it is given."""
    function, of = _meant(frame, func)
    if function is None or function.decorators - _ORDINARY:
        raise Tells
    variables = _bound(function, of, given)
    if variables is None:
        if frame.met_object and not frame.asked:
            return SAME  # the first module raises, whichever that is
        raise Tells
    if any(name in frame.variables and not is_settled(frame.variables[name]) for name in _free(function, frame)):
        raise Tells
    if frame.is_running(function, variables):
        return ANY
    inner = frame.inner(function, variables)
    goes_on = run.body(run, function.node.body, inner)
    frame.asked = frame.asked or (frame.alone and inner.asked)
    return one_of([*inner.returned, *([NONE] if goes_on else [])] or [SAME])


def _meant(frame: Frame, func: ast.expr) -> tuple[Function | None, Value | None]:
    """The function that is called, and what it is called on."""
    own = own_name(frame.function) if frame.function.owner is not None else None
    of_object = isinstance(func, ast.Attribute) and ast.unparse(func.value) in (own, "super()")
    if of_object and frame.variables.get(own or "") is not OBJECT:
        return None, None
    found = function_meant(frame.hierarchy, frame.cls, frame.function, func)
    if isinstance(found, Class):
        return frame.hierarchy.lineage(found).constructor, SAME
    return found, OBJECT if of_object and found is not None and not found.is_static else None


def _free(function: Function, frame: Frame) -> set[str]:
    """The variables around a function that it reads."""
    if function.file is not frame.function.file or not function.shadowed:
        return set()
    around = function.shadowed - function.locals
    return {n.id for n in walk(function.node) if isinstance(n, ast.Name) and n.id in around}


def _bound(function: Function, of: Value | None, given: Given) -> dict[str, Value] | None:
    """The variables of a call; None where it does not take what it is given."""
    spec = function.node.args
    names, only = [a.arg for a in (*spec.posonlyargs, *spec.args)], [a.arg for a in spec.kwonlyargs]
    defaults = {
        **dict(zip(reversed(names), reversed(spec.defaults), strict=False)),
        **dict(zip(only, spec.kw_defaults, strict=True)),
    }
    found = {name: said(node) for name, node in defaults.items() if node is not None}
    positional = given.positional if of is None else (of, *given.positional)
    unknown = [v for name, v in given.keywords if name not in {*names, *only}]
    if len(positional) > len(names) or (unknown and spec.kwarg is None):
        return None
    if spec.vararg is not None or not all(map(is_settled, unknown)):
        raise Tells
    found.update(zip(names, positional, strict=False))
    found.update((name, value) for name, value in given.keywords if name in {*names, *only})
    if any(name not in found for name in (*names, *only)):
        raise Tells
    return found
