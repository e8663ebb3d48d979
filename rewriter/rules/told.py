"""A method that objects of classes below call several times is told which of these calls is running.

The class that has the method does not know how many there are: its modules for each call are a list that grows. Each
class below numbers its own calls, and hands the numbers on to whatever method of the name its object has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import islice

from rewriter.changes.change import Substitution
from rewriter.changes.turns import NumberedCall, Numbering
from rewriter.facts.functions.callers import IN_VAIN
from rewriter.facts.functions.numbering import may_take_number, number_parameter
from rewriter.facts.knowledge import Knowledge
from rewriter.interpreter.met import Met
from rewriter.python.code import Class, Function
from rewriter.python.loops import loops_around
from rewriter.python.trees import walk


def numbered_for_those_below(knowledge: Knowledge, cls: Class, method: Function) -> Numbering | None:
    """How a method that the class itself calls once at most is told of the calls that classes below make."""
    if cls.methods.get(method.node.name) is not method or not may_take_number(knowledge, cls, method):
        return None
    below = (c for c in knowledge.hierarchy.subclasses(cls) if _calls_of(c, method.node.name) > 1)
    if not any(_told(knowledge, other, method) for other in islice(below, IN_VAIN)):
        return None
    return Numbering(method, number_parameter(method), calls=(), size=1, may_grow=True, is_open=True)


def numbers_told(
    knowledge: Knowledge, cls: Class, numbered_in: Callable[[Class], list[Numbering]]
) -> Iterator[Substitution]:
    """The calls of the class that pass a number to a method of a class above."""
    called = {n.func.attr for n in walk(cls.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    for above in knowledge.hierarchy.lineage(cls).project[1:]:
        for numbering in numbered_in(above) if called & above.methods.keys() - cls.methods.keys() else ():
            for_those_below = numbering.is_open and not numbering.calls and numbering.method.node.name in called
            for call in _told(knowledge, cls, numbering.method) if for_those_below else ():
                message = f"`{ast.unparse(call.node.func)}()` again is told which call it is, for modules of its own"
                yield Substitution("RW201", call.caller, call.node, "runtime.modules.nth", message, number=call)


def _calls_of(cls: Class, name: str) -> int:
    calls = (n.func for n in walk(cls.node) if isinstance(n, ast.Call))
    return sum(isinstance(func, ast.Attribute) and func.attr == name for func in calls)


def _told(knowledge: Knowledge, cls: Class, method: Function) -> list[NumberedCall]:
    """The calls that methods of the class make of one of a class above; none where one of all cannot be told.

    Those that classes in between make are told there, and come first. The first of all is number 0, and says nothing.
    """
    run = knowledge.run(cls) if knowledge.may_be_module(cls) else None
    if run is None or method in run.met.looped | run.met.recursive:
        return []
    calls = run.met.calls.get(method, {})
    family = {m for base in knowledge.hierarchy.lineage(cls).project for m in base.methods.values()}
    known = (c.by_name and c.function in family and _runs_once(run.met, c.function, node) for node, c in calls.items())
    if not all(known):
        return []
    own = [(node, c.function) for node, c in calls.items() if c.function.owner is cls]
    first, parameter = len(calls) - len(own), number_parameter(method)
    numbered = [NumberedCall(n, f, parameter, str(i), by_keyword=False) for i, (n, f) in enumerate(own, first)]
    return numbered[0 if first else 1 :]


def _runs_once(met: Met, caller: Function, node: ast.Call) -> bool:
    """Whether the call runs once in each forward, and stands where nothing is said about it in a comment."""
    once = met.runs.get(caller, 1) == 1 and caller not in met.looped and not loops_around(caller.node, node)
    statement = next((s for s in walk(caller.node) if isinstance(s, ast.stmt) and _holds(s, node)), None)
    return once and statement is not None and "#" not in caller.file.source.segment(statement)


def _holds(statement: ast.stmt, node: ast.Call) -> bool:
    """Whether the call stands in the statement itself, and not in one inside of it."""
    is_simple = not any(isinstance(n, ast.stmt) for n in walk(statement) if n is not statement)
    return is_simple and any(n is node for n in walk(statement))
