"""Code of a class that goes through its own modules, and whether one more of them could change what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.walks.one_more.tells import Told, told_by
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.hierarchy import Hierarchy, own_name
from rewriter.python.trees import walk

CHILDREN = frozenset({"children", "named_children", "_modules"})
DESCENDANTS = frozenset({"modules", "named_modules"})
_WALKING = CHILDREN | DESCENDANTS | {"apply"}


Walk = tuple[Function, ast.Attribute]
_TELLING = Question[tuple[Class, frozenset[str]], tuple[Walk, ...]]("which of its walks might tell one module more?")
_IN_METHOD = Question[tuple[Class, Function], Told]("which walks of a method might tell one more?")


def walks(hierarchy: Hierarchy, cls: Class, by: frozenset[str]) -> tuple[Walk, ...]:
    """What goes through an object's own modules by these names, and might do otherwise with one more without state."""
    return hierarchy.project.answers.found(_TELLING, (cls, by), lambda: tuple(_found(hierarchy, cls, by)))


def _found(hierarchy: Hierarchy, cls: Class, by: frozenset[str]) -> Iterator[Walk]:
    for method in cls.methods.values():
        yield from ((method, node) for node in _telling(hierarchy, cls, method, by))
    for owner, method in _inherited(hierarchy, cls):
        told = {id(node) for node in _telling(hierarchy, owner, method, by)}  # the base answers for those
        yield from ((method, node) for node in _telling(hierarchy, cls, method, by) if id(node) not in told)


def _telling(hierarchy: Hierarchy, cls: Class, method: Function, by: frozenset[str]) -> Iterator[ast.Attribute]:
    """Those of a method that an object of `cls` runs."""
    wanted = by | {"apply"} if by == DESCENDANTS else by
    own = own_name(method)
    if own is None or not method.words & wanted:
        return
    yield from (node for node in _told(hierarchy, cls, method, own).telling if node.attr in wanted)


def _told(hierarchy: Hierarchy, cls: Class, method: Function, own: str) -> Told:
    return hierarchy.project.answers.found(
        _IN_METHOD,
        (cls, method),
        lambda: _told_earlier(hierarchy, cls, method) or _told_anew(hierarchy, cls, method, own),
    )


def _told_anew(hierarchy: Hierarchy, cls: Class, method: Function, own: str) -> Told:
    own_walks = [n for n in walk(method.node) if isinstance(n, ast.Attribute) and _is_own(n, own, _WALKING)]
    return told_by(hierarchy, cls, method, own_walks)


def _told_earlier(hierarchy: Hierarchy, cls: Class, method: Function) -> Told | None:
    """What was told before the project got another text of one file, unless it may hang on that file."""
    replaced = hierarchy.project.replaced
    told = replaced.project.answers.known(_IN_METHOD, (cls, method)) if replaced is not None else None
    if replaced is None or told is None or replaced.file in told.files:
        return None
    return None if any(relative.file is replaced.file for relative in hierarchy.sharing(cls)) else told


def files_run(hierarchy: Hierarchy, cls: Class) -> frozenset[File]:
    """The files whose functions the walks of a class run with the modules that they meet."""
    return frozenset(file for told in _told_of_all(hierarchy, cls) for file in told.files)


def attributes_asked(hierarchy: Hierarchy, cls: Class) -> frozenset[str]:
    """What the walks of a class ask whether modules have it, and must not find at new ones."""
    return frozenset(name for told in _told_of_all(hierarchy, cls) for name in told.attributes)


def _told_of_all(hierarchy: Hierarchy, cls: Class) -> Iterator[Told]:
    named = ((method, own_name(method)) for method in cls.methods.values() if method.words & _WALKING)
    yield from (_told(hierarchy, cls, method, own) for method, own in named if own is not None)
    yield from (_told(hierarchy, cls, method, own_name(method) or "") for _, method in _inherited(hierarchy, cls))


def handed_to_walkers(hierarchy: Hierarchy, cls: Class) -> Iterator[ast.Call]:
    """`init_weights(self)` in a constructor: functions that go through its modules, and might tell one more."""
    init = cls.constructor
    own = own_name(init) if init is not None else None
    if init is None or own is None:
        return
    for call in walk(init.node):
        if isinstance(call, ast.Call) and call.args and ast.unparse(call.args[0]) == own:
            found = hierarchy.project.find(init.name_inside(call.func) or "")
            taken = own_name(found) if isinstance(found, Function) and found.is_free else None
            if isinstance(found, Function) and taken is not None and found.words & _WALKING:
                of_taken = [n for n in walk(found.node) if isinstance(n, ast.Attribute) and _is_own(n, taken, _WALKING)]
                told = told_by(hierarchy, cls, found, of_taken)
                if told.telling or told.attributes:
                    yield call


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


def _is_own(node: ast.Attribute, own: str, names: frozenset[str]) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == own and node.attr in names
