"""On how many ways a forward comes to a method, and which number each of its calls is to pass.

The calls of a method share out the numbers from 0 on. A call that a numbered method makes stands for as many as that
one has, and a call in a loop for as many as the loop has turns: `self._mix(x, call=call + 1)`, `self._mix(x, call=i)`.
A method that overrides a numbered one is told the same numbers, and passes its own on to the one that it overrides.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from rewriter.changes.turns import NumberedCall, Numbering, Turn
from rewriter.facts.expressions.written import length_of
from rewriter.facts.functions.numbering import is_overridden, is_private, may_take_number, number_parameter
from rewriter.facts.knowledge import Knowledge
from rewriter.interpreter.met import Met
from rewriter.interpreter.run import Run
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.rules.told import numbered_for_those_below

Size = int | ast.expr
"""How many numbers a call takes up; an expression for `__init__` where that depends on the object."""


@dataclass(frozen=True)
class _Call:
    """A call of the method, and what its numbers are made of."""

    node: ast.Call
    caller: Function
    size: Size
    numbering: Numbering | None
    """That of the caller."""
    turn: Turn | None

    @property
    def is_open(self) -> bool:
        """As many numbers as there are turns when it runs."""
        return (self.turn is not None and self.turn.is_open) or (self.numbering is not None and self.numbering.is_open)


@dataclass(eq=False)
class Ways:
    """The numbered methods of one class."""

    knowledge: Knowledge
    cls: Class
    runs: Sequence[Run]
    """That of the class's forward, then those of others that call its methods."""
    turns_around: Callable[[Function, ast.AST], list[Turn] | None]
    """The loops around a node; None where one of them cannot be counted."""
    numbered_in: Callable[[Class], list[Numbering]]
    """The methods of a class that are told their ways."""
    _known: dict[Function, Numbering | None] = field(default_factory=dict)

    def numbering(self, method: Function) -> Numbering | None:
        """How the method is told its ways; None for one that has a single way, or cannot be told."""
        if method not in self._known:
            self._known[method] = None  # holds against methods that call each other
            several = self._has_several(method)
            below = None if several else numbered_for_those_below(self.knowledge, self.cls, method)
            self._known[method] = self._find(method) if several else below
        return self._known[method]

    def _met(self, method: Function) -> Met | None:
        """What the first run that comes to the method has met."""
        return next((run.met for run in self.runs if method in run.met.calls), None)

    def _has_several(self, method: Function) -> bool:
        met = self._met(method)
        return met is not None and (met.runs.get(method, 0) > 1 or method in met.looped)

    def _find(self, method: Function) -> Numbering | None:
        met, own = self._met(method), self.cls.methods.get(method.node.name) is method
        assert met is not None
        if not own or method in met.recursive or not may_take_number(self.knowledge, self.cls, method):
            return None
        above = [
            base for base in self.knowledge.hierarchy.lineage(self.cls).project[1:] if method.node.name in base.methods
        ]
        if above:
            return self._as_above(method, above[-1])
        calls = [self._call(node, caller.function) for node, caller in met.calls[method].items() if caller.by_name]
        known = [call for call in calls if call is not None]
        if len(known) != len(met.calls[method]) or sum(call.is_open for call in known) > 1:
            return None
        # a loop may turn more often: it comes last
        known.sort(key=lambda call: (call.is_open, not isinstance(call.size, int)))
        keyword = is_private(method) and not is_overridden(self.knowledge, self.cls, method)
        return _numbered(method, known, keyword)

    def _as_above(self, method: Function, root: Class) -> Numbering | None:
        """The numbers of the method that is overridden, where the calls of that one are all that come here."""
        met = self._met(method)
        assert met is not None
        upper, root_run = root.methods[method.node.name], self.knowledge.run(root)
        found = next((n for n in self.numbered_in(root) if n.method is upper), None)
        calls = met.calls[method]
        known = root_run.met.calls.get(upper, {}) if root_run is not None else {}
        for_those_below = found is not None and found.is_open and not found.calls
        told = all((node in known or for_those_below) and caller.by_name for node, caller in calls.items())
        if found is None or not told or number_parameter(method) != found.parameter:
            return None
        return replace(found, method=method, calls=tuple(self._passed_up(method, found.parameter)), callers=())

    def _passed_up(self, method: Function, parameter: str) -> Iterator[NumberedCall]:
        """`super().mix(x)` and `Base.mix(self, x)`, which run the method that is overridden."""
        order, own = self.knowledge.hierarchy.lineage(self.cls).project, own_name(method)
        for node in walk(method.node):
            func = node.func if isinstance(node, ast.Call) else None
            if not isinstance(node, ast.Call) or not isinstance(func, ast.Attribute) or func.attr != method.node.name:
                continue
            is_super = ast.unparse(func.value) == "super()"
            name = None if is_super else method.global_name(func.value)
            base = self.knowledge.project.find(name) if name else None
            if isinstance(base, Class) and not (node.args and ast.unparse(node.args[0]) == own):
                continue
            bases = order[1:] if is_super else self.knowledge.hierarchy.lineage(base).project if base in order else ()
            target = next((cls for cls in bases if func.attr in cls.methods), None)
            if target is not None and any(n.method is target.methods[func.attr] for n in self.numbered_in(target)):
                yield NumberedCall(node, method, parameter, parameter, by_keyword=not is_super)

    def _call(self, node: ast.Call, caller: Function) -> _Call | None:
        own = self.cls.methods.get(caller.node.name) is caller and own_name(caller) is not None
        if not own or node not in walk(caller.node):  # others run a method, as checkpoint() does, and pass no number on
            return None
        numbering = self.numbering(caller)
        if numbering is None and self._has_several(caller):
            return None
        turns = self.turns_around(caller, node)
        if turns is None or len(turns) > 1:
            return None
        turn = turns[0] if turns else None
        outer = 1 if numbering is None else numbering.size
        inner: Size = 1 if turn is None else _number(length_of(turn.over))
        grows = numbering is not None and numbering.is_open
        if (grows or not isinstance(outer, int)) and turn is not None:
            return None  # as many as one list of the object is long, for each member of another
        size = outer if inner == 1 else inner if outer == 1 else _product(outer, inner)
        return _Call(node, caller, size, numbering, turn)


def _numbered(method: Function, calls: list[_Call], keyword: bool) -> Numbering | None:
    parameter = number_parameter(method)
    offset: Size = 0
    numbered: list[NumberedCall] = []
    for call in calls:
        text = _text(call, offset)
        if text is None:
            return None
        if text != "0":
            turns = (call.turn,) if call.turn is not None else ()
            numbered.append(NumberedCall(call.node, call.caller, parameter, text, turns, keyword))
        offset = _plus(offset, call.size)
    grows = [call.turn for call in calls if call.turn is not None]
    callers = tuple({c.numbering.method: c.numbering for c in calls if c.numbering is not None}.values())
    return Numbering(
        method,
        parameter,
        tuple(numbered),
        offset,
        may_grow=any(turn.may_grow for turn in grows) or any(caller.may_grow for caller in callers),
        filled_by=frozenset().union(*(turn.filled_by for turn in grows), *(caller.filled_by for caller in callers)),
        callers=callers,
        is_open=any(call.is_open for call in calls),
    )


def _number(size: ast.expr) -> Size:
    value = size.value if isinstance(size, ast.Constant) else None
    return value if isinstance(value, int) else size


def _product(number: Size, size: Size) -> Size:
    assert isinstance(number, int)
    return number * size if isinstance(size, int) else ast.BinOp(ast.Constant(number), ast.Mult(), size)


def _plus(offset: Size, size: Size) -> Size:
    if isinstance(offset, int) and isinstance(size, int):
        return offset + size
    if offset == 0:
        return size
    one, other = (ast.Constant(part) if isinstance(part, int) else part for part in (offset, size))
    return ast.BinOp(one, ast.Add(), other)


def _text(call: _Call, offset: Size) -> str | None:
    """The number that a call passes, in the words of its caller."""
    names = []
    if call.turn is not None:
        index = call.turn.index
        times = call.numbering.size if call.numbering is not None else 1
        names.append(index if times == 1 else f"{times} * {index if index.isidentifier() else f'({index})'}")
    if call.numbering is not None:
        names.append(call.numbering.parameter)
    if isinstance(offset, int):
        return _sum(" + ".join(names), offset)
    # behind a loop as long as a list of the object, which the caller has to name as __init__ does
    said = {n.id for n in ast.walk(offset) if isinstance(n, ast.Name)} - {"len", "range"}
    is_plain = not any(isinstance(n, ast.BoolOp) for n in ast.walk(offset))
    return " + ".join([*names, ast.unparse(offset)]) if said <= {own_name(call.caller)} and is_plain else None


def _sum(text: str, number: int) -> str:
    """`i - 1` and 3 are `i + 2`."""
    if not text:
        return str(number)
    if found := re.fullmatch(r"(\w+) ([+-]) (\d+)", text):
        text, number = found[1], number + int(f"{found[2]}{found[3]}")
    return text if number == 0 else f"{text} {'+' if number > 0 else '-'} {abs(number)}"
