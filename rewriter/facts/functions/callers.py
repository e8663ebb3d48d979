"""Which forwards of the project come through a function."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from rewriter.facts.functions.plain_objects import is_plain
from rewriter.facts.functions.uses import Named, files_using, methods_saying, says, word_of
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import NoPlace, find_construction
from rewriter.facts.making.helper_classes import helper_with, may_help
from rewriter.interpreter.run import Run
from rewriter.python.answers import Question
from rewriter.python.code import Class, Function
from rewriter.python.function_tables import tables_with
from rewriter.python.given_methods import given_by
from rewriter.python.inner_functions import inner_around
from rewriter.python.patched import ENTRIES, put_in_place_of_forward
from rewriter.python.trees import walk
from rewriter.sites.site import Operation
from rewriter.torch_api import catalogue
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.functions import Choice, SomeFunction

ENOUGH = 4  # a run takes every branch, so that a few say what a function's arguments are
IN_VAIN = 32  # how many runs in a row may not come through a function whose name they say
DEEPEST = 3  # how often a function may be handed on from one constructor to another
_RUNNING_AT_ONCE = frozenset({"apply", "map", "filter", "sorted", "sort", "min", "max", "reduce", "named_apply"})
_DIFFERENTIATED = "apply"  # what code calls of a torch.autograd.Function
_RUN = frozenset({"forward", "__init__"})
_KEPT = Question[Class, bool]("do modules keep objects of the class?")
_CALLED_ON_UNKNOWN = Question[str, bool]("does a forward call a method of that name on what it does not know?")
_SAID_BY_FORWARD = Question[Class, set[str]]("which names does the forward come to?")


def runs_through(knowledge: Knowledge, function: Function) -> list[Run]:
    """The first few runs, in the order of the project's files, of classes whose forward comes through the function."""
    if function not in knowledge.through:
        candidates = _candidates(knowledge, function) if may_compute(knowledge, function) else iter(())
        runs = (knowledge.run(cls) if knowledge.may_be_module(cls) else None for cls in candidates)
        knowledge.through[function] = list(_through(runs, lambda run: is_entered(run, function)))
    return knowledge.through[function]


def is_of_plain(knowledge: Knowledge, method: Function) -> bool:
    """Whether a method belongs to objects that are not modules, and that do not become any."""
    cls, name = method.owner, method.node.name
    if cls is None or not is_plain(knowledge, cls) or (name.startswith("__") and name != "__call__"):
        return False  # a run does not follow what Python itself calls
    return not is_kept(knowledge, method) or isinstance(find_construction(knowledge, cls), NoPlace)


def is_kept(knowledge: Knowledge, method: Function) -> bool:
    """Whether modules keep objects of the method's class, and compute with them."""
    assert method.owner is not None
    answers = knowledge.project.answers.to(_KEPT)
    if method.owner not in answers:
        methods = {m for m in method.owner.methods.values() if not m.is_static and m is not method.owner.constructor}
        answers[method.owner] = bool(runs_of_users(knowledge, method.owner, methods))
    return answers[method.owner]


def is_entered(run: Run, function: Function) -> bool:
    return function in run.met.entered or function in run.met.entered_plain


def runs_below(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Run]:
    """The first few runs of module classes below `cls` that come through one of its methods."""
    names = {method.node.name for method in _computing(knowledge, cls, methods)}
    if not names:
        return []
    below = (c for c in knowledge.hierarchy.below(cls) if knowledge.may_be_module(c))
    runs = (knowledge.run(c) for c in below if names & {"forward", *_said_by_forward(knowledge, c)})
    return _first_through(runs, methods)


def runs_of_users(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Run]:
    """The runs of modules that keep objects of the class and call its methods."""
    if not may_help(knowledge, cls):
        return []
    users = (user for m in _computing(knowledge, cls, methods) for user in _users(knowledge, cls, m.node.name))
    runs = (knowledge.run(user) for user in dict.fromkeys(users) if knowledge.may_be_module(user))
    return _first_through(runs, methods)


def runs_alone(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Run]:
    """A run of each method that some forward calls on an object of which it knows no more than that it has it."""
    if not knowledge.may_be_module(cls):
        return []
    called = (m for m in _computing(knowledge, cls, methods) if not m.node.name.startswith("__") and not m.is_property)
    return [knowledge.run_method(cls, m) for m in called if _is_called_on_unknown(knowledge, m.node.name)]


def runs_handing_out(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Run]:
    """The run of the constructor, as far as it hands methods of the object to others, who may call them later."""
    candidates = _computing(knowledge, cls, methods) if knowledge.may_be_module(cls) else []
    computing = {method for method in candidates if not _is_for_others(cls, method.node.name)}
    run = knowledge.construction(cls) if computing else None
    if run is None or not run.met.entered & computing:
        return []
    deferred = (site for site in run.met.sites.values() if site.deferred and site.function in computing)
    known = (site for site in deferred if not isinstance(site, Operation) or site.tensor)
    handed = {site.node: site for site in known if not inner_around(site.function, site.node)}
    return [replace(run, met=replace(run.met, sites=handed))] if handed else []


def _is_for_others(cls: Class, method: str) -> bool:
    """Whether the method is given to what runs it there and then, as `self.apply(self._init)`, or is a hook."""
    for node in walk(cls.node):
        func = node.func if isinstance(node, ast.Call) else None
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        given = node.args if isinstance(node, ast.Call) and (name in _RUNNING_AT_ONCE or "register" in name) else []
        if any(isinstance(n, ast.Attribute) and n.attr == method for a in given for n in walk(a)):
            return True
    return False


def _is_called_on_unknown(knowledge: Knowledge, name: str) -> bool:
    answers = knowledge.project.answers.to(_CALLED_ON_UNKNOWN)
    if name not in answers:
        files = knowledge.project.files_mentioning(name)
        users = (user for file in files for user in file.users.get(name, ()) if isinstance(user, Class))
        runs = (knowledge.run(user) for user in users if name in _said_by_forward(knowledge, user))
        answers[name] = any(run is not None and name in run.met.unknown_methods for run in islice(runs, ENOUGH))
    return answers[name]


def _computing(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Function]:
    """Those of a class's methods that may have operations and hide none of nn.Module's own, in source order.

    The forward that a class without nn.Module among its bases has is for those below it.
    """
    found = methods if "torch" in cls.file.source.text else set()
    hidden = MODULE_ATTRIBUTES - (frozenset() if knowledge.may_be_module(cls) else {"forward"})
    found = {m for m in found if m.node.name not in hidden and may_compute(knowledge, m)}
    return sorted(found, key=lambda method: method.node.lineno)


def _first_through(runs: Iterator[Run | None], methods: set[Function]) -> list[Run]:
    return list(_through(runs, lambda run: bool(methods & run.met.entered)))


def _through(runs: Iterator[Run | None], comes_through: Callable[[Run], bool]) -> Iterator[Run]:
    """The first few runs that come through what is asked for."""
    found = in_vain = 0
    for run in runs:
        in_vain += 1
        if run is not None and comes_through(run):
            found, in_vain = found + 1, 0
            yield run
        if found == ENOUGH or in_vain == IN_VAIN:
            return


def _said_by_forward(knowledge: Knowledge, cls: Class) -> set[str]:
    """Every name in a class's forward, and in its methods and the functions beside it that forward comes to by name."""
    answers = knowledge.project.answers.to(_SAID_BY_FORWARD)
    if cls not in answers:
        lineage = knowledge.hierarchy.lineage(cls)
        said, done, pending = set[str](), set[str](), {*ENTRIES, *put_in_place_of_forward(knowledge.project)}
        while pending:
            name = pending.pop()
            done.add(name)
            function = lineage.method(name) or cls.file.functions.get(name)
            if function is not None:
                said |= function.words
                pending |= function.words - done
        answers[cls] = said
    return answers[cls]


def _users(knowledge: Knowledge, cls: Class, name: str) -> Iterator[Class]:
    """Classes that name a method which they do not have themselves, and may mean this class's."""
    if name.startswith("__"):
        return
    is_unique = helper_with(knowledge, name) is cls
    for file in knowledge.project.files_mentioning(name, "" if is_unique else cls.node.name):
        if is_unique or cls.node.name in file.words or cls.node.name in file.names.bindings:
            named_in = (user for user in file.users.get(name, ()) if isinstance(user, Class))
            users = (user for user in named_in if name in _said_by_forward(knowledge, user))
            yield from (user for user in users if not knowledge.hierarchy.lineage(user).method(name))


def may_compute(knowledge: Knowledge, function: Function) -> bool:
    """Whether there is anything in the function that could be an operation, or a call of a function that has one."""
    may_define = knowledge.project.may_define
    bound = function.file.names.bindings.keys() | function.locals
    return any(
        isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp)
        or (isinstance(node, ast.Attribute) and (node.attr in catalogue.NAMES or node.attr in bound))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript | ast.Call))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and may_define(node.func.attr))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == _DIFFERENTIATED)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in bound)
        for statement in function.node.body
        for node in walk(statement)
    )


def _candidates(knowledge: Knowledge, function: Function) -> Iterator[Class]:
    """Classes that name the function, or a function or method that names it; then the classes below them."""
    done, pending, methods = set[Named](), _names_of(knowledge, function), list[Named]()
    project, seen, said = knowledge.project, set[Class](), dict[Class, set[str]]()
    while pending or methods:
        named = pending.pop(0) if pending else methods.pop(0)
        if named in done:
            continue
        done.add(named)
        word = word_of(named)
        for file in files_using(knowledge, named):
            pending += tables_with(project, file, word)
            for user in file.users.get(word, ()):
                if not says(knowledge, user, named):
                    continue
                if isinstance(user, Function):
                    pending.append(user)
                    yield from given_by(user)
                    continue
                saying = [name for name in methods_saying(knowledge, user, named) if name not in _RUN]
                caller = _calling(knowledge, user, named)
                methods += [(name, caller) for name in saying if name != "__call__"]
                if "__call__" in saying or (word in user.stated and not knowledge.may_be_module(user)):
                    pending += _class_names(knowledge, user)
                if not _may_mean(knowledge, user, named):
                    continue
                said.setdefault(caller, set()).update({word}, saying)
                if caller not in seen and _may_run(knowledge, caller, {word}):
                    seen.add(caller)
                    yield caller
    yield from _given_it(knowledge, function, list(said), seen)
    for user, words in said.items():
        below = [cls for cls in knowledge.hierarchy.subclasses(user) if cls not in seen]
        found = [cls for cls in below if _may_run(knowledge, cls, words)]
        seen.update(found)
        yield from found


def _calling(knowledge: Knowledge, user: Class, named: Named) -> Class:
    """The class whose objects call what a class names: where one above calls `self.part()`, the one that has it."""
    is_above = isinstance(named, tuple) and user in knowledge.hierarchy.lineage(named[1]).project
    return named[1] if isinstance(named, tuple) and is_above else user


def _given_it(knowledge: Knowledge, function: Function, makers: list[Class], seen: set[Class]) -> Iterator[Class]:
    """Classes to whose constructors those of others hand the function: they keep it, and may hand it on."""
    pending = [(maker, 0) for maker in makers]
    while pending:
        maker, depth = pending.pop(0)
        for cls in _made_by(knowledge, maker) if depth < DEEPEST else ():
            kept = knowledge.construction(cls).met.values.values() if cls not in seen else ()
            if any(
                isinstance(p, SomeFunction) and function in Choice(p.members).functions for v in kept for p in v.parts
            ):
                seen.add(cls)
                pending.append((cls, depth + 1))
                yield cls


def _made_by(knowledge: Knowledge, maker: Class) -> Iterator[Class]:
    """The classes of modules of which a constructor makes objects."""
    init = maker.constructor
    for node in walk(init.node) if init is not None else ():
        name = init.name_inside(node.func) if isinstance(node, ast.Call) and init is not None else None
        found = knowledge.project.find(name) if name is not None else None
        if isinstance(found, Class) and knowledge.may_be_module(found):
            yield found


def _names_of(knowledge: Knowledge, function: Function) -> list[Named]:
    """What code says that calls the function; of an object that is called, it says at most the class."""
    cls = function.owner
    if cls is None or function.is_static:
        return [function]
    if function.node.name != "__call__":
        return [(function.node.name, cls)]
    return _class_names(knowledge, cls)


def _class_names(knowledge: Knowledge, cls: Class) -> list[Named]:
    return [c.node.name for c in (*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls))]


def _may_run(knowledge: Knowledge, cls: Class, names: set[str]) -> bool:
    """Whether a forward says one of the names, or an `__init__` that may have put it into a module already."""
    inits = (base.constructor for base in knowledge.hierarchy.lineage(cls).project)
    made = any(init is not None and names & init.words for init in inits)
    stated = any(names & base.stated for base in knowledge.hierarchy.lineage(cls).project)
    return made or stated or bool(names & _said_by_forward(knowledge, cls))


def _may_mean(knowledge: Knowledge, user: Class, named: Named) -> bool:
    """Whether a class that says the name of a static method is one of the family, or names one that has it."""
    if not isinstance(named, Function) or not named.is_static:
        return True
    owner = named.owner
    assert owner is not None
    return owner in knowledge.hierarchy.lineage(user).project or owner.node.name in user.file.words
