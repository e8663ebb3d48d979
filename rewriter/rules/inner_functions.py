"""Which run of a lambda or nested function it is, where the method around it runs it several times.

A nested function is told by a keyword: `stats(x, call=1)`. The lambda that `map` runs for each member of something
whose length is written down counts the turns: `map(lambda t: t * cos, (q, k))` becomes
`map(lambda t, i: self.mul[i](t, cos), (q, k), range(2))`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from rewriter.changes.turns import NumberedCall, NumberedMap, Numbering, Turn
from rewriter.facts.expressions.written import times
from rewriter.facts.functions.numbering import number_parameter
from rewriter.python.code import Function
from rewriter.python.inner_functions import Inner, calls_by_name, inner_around, map_of, repeats_around
from rewriter.python.trees import walk

_NAMES = ("i", "j", "k", "index", "index2", "index3")

Count = Callable[[ast.expr, Function], "int | None"]
"""How many members an expression in a function has, where the source says it."""


@dataclass(eq=False)
class InnerRuns:
    count: Count
    _known: dict[ast.AST, Turn | None] = field(default_factory=dict)

    def turn(self, function: Function, site: ast.AST, taken: str = "") -> Turn | None:
        """What tells the runs of the code around the site apart; None where nothing can.

        `taken` is a name that the function around it is going to have.
        """
        inner = _lone_inner(function, site)
        if inner is None:
            return None
        if inner not in self._known:
            self._known[inner] = self._of_map(function, inner) or self._of_calls(function, inner, taken)
        return self._known[inner]

    def runs_once(self, function: Function, site: ast.AST) -> bool:
        """Whether each run of the function runs the code around the site once at most."""
        inner = _lone_inner(function, site)
        calls = calls_by_name(function, inner) if inner is not None else []
        return len(calls) == 1 and not repeats_around(function, calls[0])

    def _of_map(self, function: Function, inner: Inner) -> Turn | None:
        call = map_of(function, inner)
        if call is None or repeats_around(function, call) or not _takes_only(inner.args, len(call.args) - 1):
            return None
        counts = (self.count(over, function) for over in call.args[1:])
        number = next((count for count in counts if count is not None), None)
        name = next((name for name in _NAMES if name not in _names(function)), None)
        if number is None or name is None:
            return None
        over = times(number)
        return Turn(ast.Name("_"), over, name, False, over, mapped=NumberedMap(call, name, number))

    def _of_calls(self, function: Function, inner: Inner, taken: str) -> Turn | None:
        calls = calls_by_name(function, inner)
        if not isinstance(inner, ast.FunctionDef) or inner.decorator_list or inner.args.kwarg is not None:
            return None
        if len(calls) < 2 or any(repeats_around(function, call) for call in calls):
            return None
        given = [*(a for call in calls for a in call.args), *(k for call in calls for k in call.keywords)]
        if any(isinstance(a, ast.Starred) or (isinstance(a, ast.keyword) and a.arg is None) for a in given):
            return None
        named = [n for n in walk(_scope(function)) if isinstance(n, ast.FunctionDef) and n.name == inner.name]
        if len(named) != 1 or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in walk(inner)):
            return None
        parameter, over = number_parameter(function, taken), times(len(calls))
        numbered = (NumberedCall(call, function, parameter, str(i)) for i, call in enumerate(calls) if i)
        numbering = Numbering(Function(inner, function.file), parameter, tuple(numbered), len(calls))
        return Turn(ast.Name("_"), over, parameter, False, over, numbering=numbering)


def _lone_inner(function: Function, site: ast.AST) -> Inner | None:
    """The only lambda or nested function around the site, which runs when the function calls it, and the site once."""
    around = inner_around(function, site)
    inner = around[0] if len(around) == 1 else None
    if inner is None or inner not in function.called_only or repeats_around(_as_function(inner, function), site):
        return None
    return inner


def _as_function(inner: Inner, around: Function) -> Function:
    """To look into; a lambda has one statement."""
    node = inner if isinstance(inner, ast.FunctionDef) else ast.FunctionDef("_", inner.args, [ast.Expr(inner.body)], [])
    return Function(node, around.file)


def _scope(function: Function) -> ast.AST:
    return function.owner.node if function.owner is not None else function.node


def _takes_only(spec: ast.arguments, number: int) -> bool:
    """As many parameters as what it runs over, and no others."""
    others = [spec.vararg, spec.kwarg, *spec.kwonlyargs, *spec.defaults]
    return not any(others) and len(spec.posonlyargs) + len(spec.args) == number


def _names(function: Function) -> set[str]:
    return {*function.locals, *(n.id for n in walk(function.node) if isinstance(n, ast.Name))}
