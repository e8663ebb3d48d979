"""Where a class makes its modules, so that new ones can be made beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.bypass import bypass_of
from rewriter.facts.making.helper_classes import why_no_module
from rewriter.facts.making.scripted import is_scripted
from rewriter.facts.walks.after_making import deep_walker_over, last_walk, walker_holding_plain, walker_over
from rewriter.facts.walks.steps import goes_over_steps, step_walks
from rewriter.python.attributes import sets_locals
from rewriter.python.class_decorators import may_write_init
from rewriter.python.code import Class, Function
from rewriter.python.decorators import runs_as_constructor
from rewriter.python.given_methods import GivenMethods, classes_given
from rewriter.python.hierarchy import CONTAINERS, own_name
from rewriter.python.initialization import every_way, runs_init_of
from rewriter.python.trees import begin_of, end_of, returns_in, walk


@dataclass(frozen=True)
class Construction:
    """A place in a class where `self.x = ...` runs once for each object, after nn.Module's own `__init__`."""

    cls: Class
    init: Function | None
    """The class's own `__init__`; None where one has to be added."""
    anchor: ast.stmt | None
    """New lines go behind this statement of `__init__`."""
    self_name: str
    passes_arguments: bool
    """An `__init__` to be added takes whatever the next one up takes."""
    begin: ast.stmt | None = None
    """The statement of `__init__` that has run nn.Module's own."""
    apart: bool = False
    """The class is a container, or goes through its children: new modules must not become its steps."""
    walks: tuple[ast.Attribute, ...] = ()
    """Where it goes through its children: it is to leave out the new ones."""
    mixed_in: int | None = None
    """Which of its bases `runtime.modules.WithOperations` is put behind; None where it has that already."""
    becomes_module: bool = False
    """It is not a module yet."""
    beside: tuple[Construction, ...] = ()
    """Where subclasses that run another `__init__` in place of this one make the modules as well."""
    missed_by: Class | None = None
    """One of such subclasses, where not all can make them: `makes_missing` makes the modules of their objects."""


@dataclass(frozen=True)
class NoPlace:
    """Why a class cannot be given new modules."""

    code: str
    reason: str
    advice: str


_LOOKING_UP = frozenset({"__getattr__", "__getattribute__"})


def find_construction(knowledge: Knowledge, cls: Class) -> Construction | NoPlace:
    found = _in_given(knowledge, cls) if isinstance(cls, GivenMethods) else _find(knowledge, cls)
    lineage = knowledge.hierarchy.lineage(cls)
    if isinstance(found, NoPlace) or not (
        lineage.torch & CONTAINERS or found.walks or goes_over_steps(knowledge.hierarchy, cls)
    ):
        return found
    mixed_in = None if lineage.holds_operations else knowledge.hierarchy.last_module_base(cls)
    return replace(found, apart=True, mixed_in=mixed_in)


def _find(knowledge: Knowledge, cls: Class) -> Construction | NoPlace:
    lineage = knowledge.hierarchy.lineage(cls)
    is_mixin = not knowledge.may_be_module(cls)
    if is_mixin and not any(knowledge.may_be_module(below) for below in knowledge.hierarchy.subclasses(cls)):
        return _in_plain_class(knowledge, cls)
    if any(name.startswith("torch.jit.") for name in lineage.torch):
        return _cannot(cls, "it is a ScriptModule, whose methods are compiled as they stand")
    for relative in lineage.project:
        if "__setattr__" in relative.methods:
            return _cannot(
                cls, f"{relative.node.name} defines __setattr__, which may treat a new module in its own way"
            )
    walked = () if (walker := walker_over(knowledge, cls)) is None else step_walks(knowledge, cls)
    if walker is None:  # a relative that has been told to leave out what its own class adds
        others = (relative for relative in knowledge.hierarchy.sharing(cls) if relative is not cls)
        walker = next((other for other in others if goes_over_steps(knowledge.hierarchy, other)), None)
    if walker is not None and not walked:
        return _cannot(cls, f"{walker.node.name} walks its own modules, and would meet the new one there")
    if (way := bypass_of(knowledge, cls)) is not None:
        return _cannot(cls, way)
    skipping = [c for c in knowledge.hierarchy.subclasses(cls) if not runs_init_of(knowledge.hierarchy, c, cls)]
    beside = None if skipping and (is_mixin or walked) else _beside(knowledge, cls, skipping)
    missed_by = skipping[0] if beside is None and not walked and _may_make_missing(knowledge, cls, skipping) else None
    if beside is None and missed_by is None:
        why = "has nn.Module before it, which runs no other" if is_mixin else "does not run this"
        return _cannot(cls, f"its subclass {skipping[0].node.name} {why} __init__")
    if (init := cls.constructor) is not None:
        made = _in_own_init(knowledge, cls, init)
        if isinstance(made, NoPlace):
            return made
        return replace(made, walks=walked, beside=beside or (), missed_by=missed_by)
    if may_write_init(knowledge.project, cls, lineage.project):
        return _cannot(cls, "it has no __init__ and a decorator that may write one")
    simple = len(lineage.project) == 1 and lineage.torch == {"torch.nn.Module"} and not lineage.unseen
    return Construction(cls, None, None, "self", passes_arguments=not simple, walks=walked)


def _beside(knowledge: Knowledge, cls: Class, skipping: list[Class]) -> tuple[Construction, ...] | None:
    """Where subclasses that do not run the `__init__` of the class can make its modules; None where one cannot."""
    hierarchy, found = knowledge.hierarchy, list[Construction]()
    for below in skipping:
        if any(runs_init_of(hierarchy, below, other) for other in skipping if other is not below):
            continue  # the one above it makes them
        init = below.constructor
        made = None if init is None else _in_own_init(knowledge, below, init)
        is_near = cls.constructor is not None and below.file is cls.file
        if (
            not is_near
            or hierarchy.lineage(cls).torch & CONTAINERS
            or not isinstance(made, Construction)
            or goes_over_steps(hierarchy, below)
        ):
            return None
        found.append(made)
    return tuple(found)


def _may_make_missing(knowledge: Knowledge, cls: Class, skipping: list[Class]) -> bool:
    """Whether objects of the subclasses can get the modules that their constructors do not make."""
    hierarchy = knowledge.hierarchy
    family = hierarchy.sharing(cls)
    return (
        knowledge.may_be_module(cls)
        and cls.constructor is not None
        and "__init_subclass__" not in cls.methods
        and not hierarchy.lineage(cls).torch & CONTAINERS
        and not any(relative.methods.keys() & _LOOKING_UP for relative in family)
        and not any(goes_over_steps(hierarchy, below) for below in skipping)
        and not is_scripted(hierarchy, cls)
    )


def ready_for(knowledge: Knowledge, place: Construction, function: Function) -> Construction | NoPlace:
    """The place to make modules for a function, which `__init__` itself may run before it is through."""
    init, name = place.init, function.node.name
    if init is None:
        if _entered_above(knowledge, place.cls, function):
            return _cannot(place.cls, f"an __init__ above it runs {name}")
        return place
    entered = [knowledge.construction(cls).met.entered_at for cls in _set_up_here(knowledge, place.cls)]
    assert place.anchor is not None
    for beside in place.beside:
        entered_at = knowledge.construction(beside.cls).met.entered_at
        early_at = [begin_of(at) for (by, inner), at in entered_at.items() if by is beside.init and inner is function]
        if beside.anchor is None or any(at < end_of(beside.anchor) for at in early_at):
            return _cannot(beside.cls, f"its __init__ runs {name} before it could make a module")
    first = min((begin_of(found[init, function]) for found in entered if (init, function) in found), default=None)
    if first is None or first > end_of(place.anchor):
        return place
    if place.begin is None or first < end_of(place.begin):
        return _cannot(place.cls, f"its __init__ runs {name} before it could make a module")
    return _early(knowledge, place, place.begin, init.node.body, first, name)


def _early(
    knowledge: Knowledge, place: Construction, begin: ast.stmt, body: list[ast.stmt], first: tuple[int, int], name: str
) -> Construction | NoPlace:
    """The place before what comes to a function, and behind the walks over the modules made so far."""
    walked = last_walk(knowledge, place.cls, body)
    if any(end_of(statement) > first for statement in body[:walked]):
        return _cannot(place.cls, f"its __init__ runs {name}, and walks its modules behind that or at once")
    return replace(place, anchor=body[walked - 1] if walked > body.index(begin) + 1 else begin)


def _entered_above(knowledge: Knowledge, cls: Class, function: Function) -> bool:
    """Whether a constructor that a new `__init__` of the class would call first comes to the function."""
    for built in (cls, *_mixed_in(knowledge, cls)):
        order = knowledge.hierarchy.lineage(built).project
        behind = order[order.index(cls) + 1 :]
        entered = knowledge.construction(built).met.entered_at
        if any(inner is function and outer.is_constructor and outer.owner in behind for outer, inner in entered):
            return True
    return False


def _set_up_here(knowledge: Knowledge, cls: Class) -> Iterator[Class]:
    """The class, and those below it whose methods its `__init__`, or what that calls, may run in place of its own."""
    yield cls
    if cls.constructor is None:
        return
    names, pending = set[str](), [cls.constructor]
    while pending:
        new = pending.pop().words - names
        names |= new
        pending += [cls.methods[name] for name in new if name in cls.methods and name != "__init__"]
    mixed = set(_mixed_in(knowledge, cls))
    for below in knowledge.hierarchy.subclasses(cls):
        if (below.methods.keys() - {"__init__"}) & names or below in mixed:
            yield below


def _mixed_in(knowledge: Knowledge, cls: Class) -> Iterator[Class]:
    """The classes below it in whose order a constructor stands behind it that is not above it by itself."""
    above = knowledge.hierarchy.lineage(cls).project
    for below in knowledge.hierarchy.subclasses(cls):
        order = knowledge.hierarchy.lineage(below).project
        behind = order[order.index(cls) + 1 :]
        if any(other.constructor is not None and other not in above for other in behind):
            yield below


def _cannot(cls: Class, why: str) -> NoPlace:
    return NoPlace(
        "RW904",
        f"no place to make a module in {cls.node.name}: {why}",
        "make the module by hand where the object is set up, and call it here",
    )


def _in_own_init(knowledge: Knowledge, cls: Class, init: Function) -> Construction | NoPlace:
    name = own_name(init)
    given = isinstance(cls, GivenMethods)
    as_written = not init.decorators - {"functools.wraps"} if given else runs_as_constructor(knowledge.project, init)
    if name is None or not as_written:
        return _cannot(cls, "its __init__ is decorated or takes no object")
    body = init.node.body
    begin = next((i for i, s in enumerate(body) if _has_set_up(cls, s, name)), None)
    if begin is None:
        return _cannot(cls, "not every way through its __init__ calls super().__init__()")
    anchor = _last_store(body, name, begin + 1) or body[begin]
    if (walked := last_walk(knowledge, cls, body)) > body.index(anchor) + 1:
        anchor = body[walked - 1]
    return Construction(cls, init, anchor, name, passes_arguments=False, begin=body[begin])


def _has_set_up(cls: Class, statement: ast.stmt, own: str) -> bool:
    return cls.sets_up(statement, own) if isinstance(cls, GivenMethods) else every_way(statement, lambda _: True)


def _in_given(knowledge: Knowledge, given: GivenMethods) -> Construction | NoPlace:
    """The `__init__` that a function puts in the place of a class's own, together with other methods."""
    init = given.constructor
    if init is None:
        return _cannot(given, f"{given.known_as} gives it a forward, and no __init__")
    for user in classes_given(knowledge.project, given):
        if (walker := walker_over(knowledge, user)) is not None:
            return _cannot(user, f"{walker.node.name} walks its own modules, and would meet the new one there")
        if knowledge.hierarchy.lineage(user).torch & CONTAINERS:
            return _cannot(user, "it runs its children as steps")
        if (way := bypass_of(knowledge, user)) is not None:
            return _cannot(user, way)
        if knowledge.construction(user).met.entered & {user.methods.get("forward")}:
            return _cannot(user, "its __init__ runs forward before it could make a module")
    return _in_own_init(knowledge, given, init)


def _in_plain_class(knowledge: Knowledge, cls: Class) -> Construction | NoPlace:
    """A class that is to become a module, by `nn.Module` as its base and `super().__init__()` as its first line."""
    if why := why_no_module(knowledge, cls):
        return _cannot(cls, why)
    walker = deep_walker_over(knowledge, cls) or walker_holding_plain(knowledge, cls)
    if walker is not None:
        return _cannot(cls, f"{walker.node.name} walks its own modules, and would meet one more")
    init = cls.methods["__init__"]
    name, body = own_name(init), init.node.body
    if name is None or init.decorators or body[0].lineno == init.node.lineno:
        return _cannot(cls, "its __init__ is decorated, takes no object or stands on one line")
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if documented and len(body) == 1:
        return _cannot(cls, "its __init__ is empty")
    first, calls = body[int(documented)], sum(isinstance(n, ast.Name) and n.id == "super" for n in walk(init.node))
    begin = first if ast.unparse(first) == "super().__init__()" else None
    if calls != (begin is not None):
        return _cannot(cls, "its __init__ calls super(), which would be nn.Module")
    anchor = _last_store(body, name, start=0) or body[-1]
    return Construction(cls, init, anchor, name, passes_arguments=False, begin=begin, becomes_module=True)


def _last_store(body: list[ast.stmt], name: str, start: int) -> ast.stmt | None:
    """The last statement that sets attributes, of those that are run in any case."""
    found = None
    for statement in body[start:]:
        if isinstance(statement, ast.Raise) or any(returns_in([statement])):
            break  # who raises further in makes no object
        if _stores_attribute(statement, name) or sets_locals(statement, name):
            found = statement
    return found


def _stores_attribute(statement: ast.stmt, name: str) -> bool:
    stored = (n.value for n in walk(statement) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store))
    return any(isinstance(held, ast.Name) and held.id == name for held in stored)
