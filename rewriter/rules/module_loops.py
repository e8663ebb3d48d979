"""A site in a loop gets a list of modules, one for each turn, where `__init__` can tell how many turns there are.

The loop counts its turns: `for block in self.blocks` becomes `for i, block in enumerate(self.blocks)`, `for _ in
range(n)` becomes `for i in range(n)`, unless it has a counter already, and the site calls `self.add[i]`. Where the
turns depend on the object, the list is a `runtime.modules.ModuleList`: it makes further modules once the loop turns
more often, as after `self.blocks.append(block)`, and lets all turns behind the 256th share one. Where the numbers in
the source say that loops inside each other turn more than 4096 times together, one module serves all turns.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

from rewriter.changes.turns import Numbering, Turn
from rewriter.facts.expressions.lengths import Lengths
from rewriter.facts.expressions.lists import runs_over_list, takes_members
from rewriter.facts.expressions.scopes import Scope
from rewriter.facts.expressions.written import count_of, times
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.scripted import is_scripted
from rewriter.interpreter.run import Run
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.inner_functions import inner_around
from rewriter.python.loops import Loop, loops_around
from rewriter.python.trees import returns_in, walk
from rewriter.rules.inner_functions import InnerRuns
from rewriter.rules.ways import Ways
from rewriter.sites.site import Site
from rewriter.values.base import Value

_MOST_OF_A_LIST = 256
"""Modules that `runtime.modules.ModuleList` holds for one loop."""
_MOST_TURNS = 4096
"""Of all loops around a site together; lists in lists would hold as many modules."""

_NAMES = ("i", "j", "k", "index", "index2", "index3", "index4")


@dataclass(eq=False)
class Turns:
    """Decides about the loops of one class, each loop once, so that all sites in it use one counter."""

    knowledge: Knowledge
    place: Construction
    values: dict[ast.expr, Value]
    runs: Sequence[Run] = ()
    """That of the class's forward, then those of others that call its methods."""
    numbered_in: Callable[[Class], list[Numbering]] = lambda _: []
    """The methods of a class that are told which of their calls is running."""
    _known: dict[ast.expr, Turn | None] = field(default_factory=dict)

    @cached_property
    def _ways(self) -> Ways:
        return Ways(self.knowledge, self.place.cls, self.runs, self._loops, self.numbered_in)

    @cached_property
    def _inner(self) -> InnerRuns:
        return InnerRuns(self._count)

    def around(self, site: Site) -> tuple[Turn, ...]:
        """The loops around the site, outermost first; none where one of them cannot be counted."""
        init = self.place.init
        if is_scripted(self.knowledge.hierarchy, self.place.cls) or site.self_name is None or site.deferred:
            return ()
        if init is not None and any(returns_in(init.node.body)):
            return ()
        if hides_counting(site.function) or (init is not None and hides_counting(init)):
            return ()
        numbering = self._ways.numbering(site.function)
        if site.runs > 1 and inner_around(site.function, site.node):
            return () if site.in_loop else self._of_inner(site, numbering)
        if numbering is None and (site.runs > 1 or site.called_in_loop):
            return ()
        loops = self._loops(site.function, site.node) if site.in_loop else []
        if loops is None:
            return ()
        return tuple(_bound_where_read([*([_by_call(numbering)] if numbering is not None else []), *loops]))

    def _of_inner(self, site: Site, numbering: Numbering | None) -> tuple[Turn, ...]:
        """The runs of the nested function around the site, in each run of the method around that."""
        if numbering is None:
            turn = None if site.called_in_loop else self._inner.turn(site.function, site.node)
            return () if turn is None else (turn,)
        if self._inner.runs_once(site.function, site.node):
            return (_by_call(numbering),)
        turn = self._inner.turn(site.function, site.node, numbering.parameter)
        return () if turn is None else (_by_call(numbering), turn)

    def of_map(self, site: Site) -> Turn | None:
        """The turns of a call of `map`, which its module list counts itself."""
        node, function = site.node, site.function
        assert isinstance(node, ast.Call)
        if is_scripted(self.knowledge.hierarchy, self.place.cls) or site.self_name is None or site.deferred:
            return None
        if (
            function.global_name(node.func) != "builtins.map"
            or inner_around(function, node)
            or hides_counting(function)
        ):
            return None
        lengths = Lengths(self.knowledge, self.place, set())
        counted = (lengths.over(over, self._scope(function)) for over in node.args[1:])
        over = next((found for found in counted if found is not None), None)
        is_open = over is None and any(runs_over_list(given, self._scope(function)) for given in node.args[1:])
        over = times(1) if is_open else over
        if over is None or site.in_loop or site.called_in_loop or site.runs > 1 or self._ways.numbering(function):
            return None
        filled_by = frozenset(lengths.filled_by)
        return Turn(ast.Name("_"), over, "", False, over, may_grow=True, filled_by=filled_by, is_open=is_open)

    def _scope(self, function: Function) -> Scope:
        own = own_name(function) or ""
        return Scope(self.knowledge, function, own, self.place.cls, ast.Name(self.place.self_name), self.values)

    def _count(self, over: ast.expr, function: Function) -> int | None:
        """How many members there are at most, where the source says it."""
        found = Lengths(self.knowledge, self.place, set()).over(over, self._scope(function))
        return None if found is None else count_of(found)

    def _loops(self, function: Function, node: ast.AST) -> list[Turn] | None:
        """The loops of a method around a node; None where one of them cannot be counted, or they turn too often."""
        turns: list[Turn] = []
        for loop in loops_around(function.node, node):
            turn = self._turn(loop, function, turns)
            if turn is None:
                return None
            turns.append(turn)
        return turns if prod(count_of(turn.over) or 1 for turn in turns) <= _MOST_TURNS else None

    def _turn(self, loop: Loop, function: Function, outer: list[Turn]) -> Turn | None:
        if loop.target is None or loop.iter is None or hides_counting(function):
            return None
        if loop.target not in self._known:
            self._known[loop.target] = self._decide(loop, function, own_name(function) or "", outer)
        return self._known[loop.target]

    def _decide(self, loop: Loop, function: Function, own: str, outer: list[Turn]) -> Turn | None:
        assert loop.target is not None and loop.iter is not None
        bound = frozenset(name for t in outer if t.each for name in _names(t.target) if _is_bound_by(t, name, function))
        object_ = ast.Name(self.place.self_name)
        scope = Scope(self.knowledge, function, own, self.place.cls, object_, self.values, bound)
        lengths = Lengths(self.knowledge, self.place, set())
        over = lengths.over(loop.iter, scope)
        if over is None and loop.counter is not None:
            over = lengths.indexed(loop.counter, loop.inside, scope)
        is_open = over is None and (runs_over_list(loop.iter, scope) or takes_members(loop, scope))
        over = times(1) if is_open else over
        if over is None:
            return None
        each = None if is_open else lengths.whole(loop.iter, scope)
        index = index_for(loop, function, outer)
        if index is None:
            return None
        return Turn(
            loop.target,
            loop.iter,
            index,
            added=loop.counter is None,
            over=over,
            each=each,
            may_grow=is_open or loop.is_while or not _is_short_range(loop.iter),
            unread=loop.counter is None and counts_unread(loop, function.file.source.tree),
            filled_by=frozenset(lengths.filled_by),
            is_open=is_open,
        )


def index_for(loop: Loop, function: Function, outer: list[Turn]) -> str | None:
    """What counts the turns of the loop: its own counter, or a name that is free; None where there is none."""
    taken = {*function.locals, *(n.id for n in walk(function.node) if isinstance(n, ast.Name))}
    taken |= {turn.index for turn in outer}
    return loop.counter or next((name for name in _NAMES if name not in taken), None)


def _is_bound_by(turn: Turn, name: str, function: Function) -> bool:
    """Whether a loop's own variable is, throughout its turns, what the loop makes it."""
    around = next((n for n in walk(function.node) if isinstance(n, ast.For) and n.target is turn.target), function.node)
    return sum(isinstance(n, ast.Name) and n.id == name and _stores(n) for n in walk(around)) == 1


def _by_call(numbering: Numbering) -> Turn:
    """The calls of a method as if they were turns; the module for the first serves callers that do not count."""
    over = times(numbering.size)
    return Turn(
        ast.Name("_"),
        over,
        index=numbering.parameter,
        added=False,
        over=over,
        numbering=numbering,
        may_grow=numbering.may_grow or not isinstance(numbering.size, int),
        filled_by=numbering.filled_by,
        is_open=numbering.is_open and numbering.size == 1,
    )


def _is_short_range(over: ast.expr) -> bool:
    """`range(3)`"""
    if not isinstance(over, ast.Call) or ast.unparse(over.func) != "range" or len(over.args) != 1:
        return False
    number = over.args[0].value if isinstance(over.args[0], ast.Constant) else None
    return isinstance(number, int) and number <= _MOST_OF_A_LIST


def hides_counting(function: Function) -> bool:
    """Whether `enumerate` or `range` means something of the author's own there."""
    hidden = function.file.names.bindings.keys() | function.shadowed | function.locals
    return bool(hidden & {"enumerate", "range"})


def _bound_where_read(turns: list[Turn]) -> Iterator[Turn]:
    """Only loops whose members a loop further in runs over have to name them in `__init__`."""
    for position, turn in enumerate(turns):
        read = {name for inner in turns[position + 1 :] for name in _names(inner.over)}
        yield turn if read & _names(turn.target) else replace(turn, each=None)


def _names(node: ast.expr) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name)}


def counts_unread(loop: Loop, file: ast.Module) -> bool:
    """`for _ in range(n)`, in a file that never reads that name."""
    call, target = loop.iter, loop.target
    counts = isinstance(call, ast.Call) and ast.unparse(call.func) == "range" and len(call.args) == 1
    return counts and isinstance(target, ast.Name) and not is_read(target.id, file)


def is_read(name: str, tree: ast.AST) -> bool:
    """By any function in there; the tree may be one that is being changed."""
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) for n in ast.walk(tree))


def _stores(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del)
