"""Loops of a function: an operation in them gets a list of modules, which the function finds with its others.

A function knows no object whose parts it could count. Its loops have as many turns as the source says, `range(3)`, or
as the lists have members that it is given: the list of modules begins with one then, and grows.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from rewriter.changes.turns import Turn
from rewriter.facts.expressions.lists import runs_over_list, takes_members
from rewriter.facts.expressions.scopes import Scope
from rewriter.facts.expressions.written import count_of, times
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.scripted import is_compiled_function
from rewriter.python.code import Function
from rewriter.python.inner_functions import inner_around
from rewriter.python.loops import Loop, loops_around
from rewriter.rules.inner_functions import InnerRuns
from rewriter.rules.module_loops import counts_unread, hides_counting, index_for
from rewriter.sites.site import Site
from rewriter.values.base import Value

_MOST_TURNS = 256


@dataclass(eq=False)
class FunctionLoops:
    """Decides about the loops of one function, each loop once, so that all sites in it use one counter."""

    knowledge: Knowledge
    function: Function
    values: dict[ast.expr, Value]
    _known: dict[ast.expr, Turn | None] = field(default_factory=dict)
    _inner: InnerRuns = field(default_factory=lambda: InnerRuns(_written_count))

    def around(self, site: Site) -> tuple[Turn, ...]:
        """The loops around the site, outermost first; none where one of them cannot be counted."""
        if site.deferred or hides_counting(self.function):
            return ()
        if is_compiled_function(self.knowledge.hierarchy, self.function):
            return ()
        if inner_around(self.function, site.node):
            turn = self._inner.turn(self.function, site.node) if site.runs > 1 and not site.in_loop else None
            return () if turn is None else (turn,)
        turns: list[Turn] = []
        for loop in loops_around(self.function.node, site.node):
            turn = self._turn(loop, turns)
            if turn is None:
                return ()
            turns.append(turn)
        return tuple(turns) if site.in_loop else ()

    def of_map(self, site: Site) -> None:
        """`map` in a function stays as it is."""

    def _turn(self, loop: Loop, outer: list[Turn]) -> Turn | None:
        if loop.target is None or loop.iter is None or loop.is_while:
            return None
        if loop.target not in self._known:
            self._known[loop.target] = self._decide(loop, loop.target, loop.iter, outer)
        return self._known[loop.target]

    def _decide(self, loop: Loop, target: ast.expr, over: ast.expr, outer: list[Turn]) -> Turn | None:
        scope = Scope(self.knowledge, self.function, None, None, None, self.values)
        number = _written_count(over, self.function)
        is_open = number is None and (runs_over_list(over, scope) or takes_members(loop, scope))
        index = index_for(loop, self.function, outer)
        if index is None or not (is_open or (number is not None and number <= _MOST_TURNS)):
            return None
        made = times(1 if is_open or number is None else number)
        added = loop.counter is None
        unread = added and counts_unread(loop, self.function.file.source.tree)
        return Turn(target, over, index, added, made, may_grow=is_open, unread=unread, is_open=is_open)


def _written_count(over: ast.expr, function: Function) -> int | None:
    """How many members there are, where the numbers are written out."""
    if isinstance(over, ast.List | ast.Tuple):
        return None if any(isinstance(e, ast.Starred) for e in over.elts) else len(over.elts)
    is_range = isinstance(over, ast.Call) and function.global_name(over.func) == "builtins.range"
    return count_of(over) if is_range else None
