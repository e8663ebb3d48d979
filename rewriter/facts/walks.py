"""Code of a class that goes through its own modules, and whether one more of them could change what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.answers import Question
from rewriter.facts.code import Class, Function
from rewriter.facts.gathered import Comprehension, is_settled_comprehension
from rewriter.facts.hierarchy import Hierarchy, own_name
from rewriter.facts.looked_up import is_only_looked_up
from rewriter.facts.trees import walk
from rewriter.facts.walk_turns import Turn, leaves_new_ones_alone

CHILDREN = frozenset({"children", "named_children", "_modules"})
DESCENDANTS = frozenset({"modules", "named_modules"})
_WALKING = CHILDREN | DESCENDANTS | {"apply"}
_NAMED = frozenset({"named_children", "named_modules"})
_PASSING_ON = frozenset({"list", "tuple", "set", "reversed", "iter"})
_OF_DICTIONARIES = frozenset({"values", "items", "keys"})


Walk = tuple[Function, ast.expr]
_TELLING = Question[tuple[Class, frozenset[str]], tuple[Walk, ...]]("which of its walks might tell one module more?")


def walks(hierarchy: Hierarchy, cls: Class, by: frozenset[str]) -> tuple[Walk, ...]:
    """What goes through an object's own modules by these names, and might do otherwise with one more without state."""
    answers = hierarchy.project.answers.to(_TELLING)
    if (cls, by) not in answers:
        answers[cls, by] = tuple(_found(hierarchy, cls, by))
    return answers[cls, by]


def _found(hierarchy: Hierarchy, cls: Class, by: frozenset[str]) -> Iterator[Walk]:
    for method in cls.methods.values():
        yield from ((method, node) for node in _telling(hierarchy, cls, method, by))
    for owner, method in _inherited(hierarchy, cls):
        told = {id(node) for node in _telling(hierarchy, owner, method, by)}  # the base answers for those
        yield from ((method, node) for node in _telling(hierarchy, cls, method, by) if id(node) not in told)


def _telling(hierarchy: Hierarchy, cls: Class, method: Function, by: frozenset[str]) -> Iterator[ast.expr]:
    """Those of a method that an object of `cls` runs."""
    own = own_name(method)
    if own is None or not method.words & (by | {"apply"}):
        return
    settled = _settled(hierarchy, cls, method, own)
    for node in walk(method.node):
        if isinstance(node, ast.Call) and _is_own(node.func, own, frozenset({"apply"})) and by == DESCENDANTS:
            if not (node.args and leaves_new_ones_alone(hierarchy, cls, method, node.args[0])):
                yield node
        elif _is_own(node, own, by) and id(node) not in settled:
            assert isinstance(node, ast.Attribute)
            yield node


def _inherited(hierarchy: Hierarchy, cls: Class) -> Iterator[tuple[Class, Function]]:
    """The methods of its bases that may call or hand on what the class, or what it is joined with, has of its own."""
    line = hierarchy.lineage(cls).project
    for base in line[1:]:
        walking = [method for method in base.methods.values() if method.words & _WALKING]
        above = hierarchy.lineage(base).project if walking else ()
        changed = {name for other in line if walking and other not in above for name in other.methods} - {"__init__"}
        for method in walking:
            if method.words & changed and _handed(method) & changed:
                yield base, method


def _handed(method: Function) -> set[str]:
    """The names of `self.apply(self._init)` and `self._init(module)`."""
    own, calls = own_name(method), [n for n in walk(method.node) if isinstance(n, ast.Call) and n.args]
    parts = [part for call in calls for part in (call.func, *call.args)]
    parts += [part for a in parts if isinstance(a, ast.Call) for part in a.args]  # `partial(self._init, 0.02)`
    return {n.attr for n in parts if isinstance(n, ast.Attribute) and ast.unparse(n.value) == own}


def _is_own(node: ast.AST, own: str, names: frozenset[str]) -> bool:
    of_object = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == own
    return of_object and isinstance(node, ast.Attribute) and node.attr in names


def _settled(hierarchy: Hierarchy, cls: Class, method: Function, own: str) -> set[int]:
    """The `self.modules` of the walks that do nothing with one more."""
    found = set[int]()
    for node in walk(method.node):
        if (
            isinstance(node, ast.Call)
            and _is_own(node.func, own, _NAMED)
            and is_only_looked_up(hierarchy, method, node)
        ):
            found.add(id(node.func))
        over = node.iter if isinstance(node, ast.For) else None
        if isinstance(node, Comprehension):
            over = node.generators[0].iter
        walked = None if over is None else _walked(over, own)
        if walked is None:
            continue
        if isinstance(node, Comprehension):
            is_settled = is_settled_comprehension(hierarchy, cls, method, node)
        else:
            is_settled = isinstance(node, ast.For) and Turn.of_loop(hierarchy, cls, method, node).passes_over()
        found |= {id(walked)} if is_settled else set()
    return found


def _walked(over: ast.expr, own: str) -> ast.Attribute | None:
    """The walk that a loop goes over as it is, which meets what is new between what is not: nothing is counted."""
    while isinstance(over, ast.Call) and not over.keywords:
        func = over.func
        if isinstance(func, ast.Name) and func.id in _PASSING_ON and len(over.args) == 1:
            over = over.args[0]
        elif isinstance(func, ast.Attribute) and func.attr in _OF_DICTIONARIES and not over.args:
            over = func.value
        else:
            break
    attribute = over.func if isinstance(over, ast.Call) else over
    is_walk = isinstance(attribute, ast.Attribute) and _is_own(attribute, own, CHILDREN | DESCENDANTS)
    return attribute if is_walk and isinstance(attribute, ast.Attribute) else None
