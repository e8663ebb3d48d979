"""Asks of a method which of its walks over the object's own modules could tell one module more."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from rewriter.facts.walks.one_more import calls, expressions, statements
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.things import OBJECT, Tells, Value, is_settled
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import Hierarchy, own_name

_RUNNER = Runner(expressions.value, calls.call, statements.body)


@dataclass(frozen=True)
class Told:
    """What running a method twice at once has shown."""

    telling: tuple[ast.Attribute, ...]
    """The walks that may do otherwise for one module more."""
    files: frozenset[File]
    """Where the functions stand that are run with what the walks meet, and constants that these read."""
    attributes: frozenset[str]
    """What new modules must not have, for the walks ask for it."""


@dataclass(frozen=True)
class _Begun:
    """What the runs of one method have come to so far."""

    files: set[File]
    attributes: set[str]

    def told(self, telling: tuple[ast.Attribute, ...]) -> Told:
        return Told(telling, frozenset(self.files), frozenset(self.attributes))


def told_by(hierarchy: Hierarchy, cls: Class, method: Function, walks: list[ast.Attribute]) -> Told:
    """Of the walks in a method, as an object of `cls` runs it."""
    begun = _Begun({method.file}, set())
    if own_name(method) is None or not walks or _is_the_same(hierarchy, cls, method, walks, begun):
        return begun.told(())
    alone = [walk for walk in walks if not _is_the_same(hierarchy, cls, method, [walk], begun)]
    if any(walk.attr == "_modules" for walk in alone):  # a table, and what is looked up there, go together
        alone += [walk for walk in walks if walk.attr == "_modules" and walk not in alone]
    others = [walk for walk in walks if walk not in alone]
    together = not alone or (len(others) > 1 and not _is_the_same(hierarchy, cls, method, others, begun))
    return begun.told(tuple(walks if together else alone))


def _is_the_same(hierarchy: Hierarchy, cls: Class, method: Function, walks: list[ast.Attribute], begun: _Begun) -> bool:
    variables: dict[str, Value] = {own_name(method) or "": OBJECT}
    met = frozenset(map(id, walks))
    frame = Frame(hierarchy, cls, method, variables, met, files=begun.files, attributes=begun.attributes)
    try:
        statements.body(_RUNNER, method.node.body, frame)
    except (Tells, RecursionError):
        return False
    return all(map(is_settled, frame.returned)) and frame.walks <= frame.seen
