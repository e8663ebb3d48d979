"""Which forwards of the project come through a function."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from rewriter.facts.functions.candidates import candidates, said_by_forward
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import NoPlace, find_construction
from rewriter.interpreter.run import Run
from rewriter.python.answers import Lasting, Question
from rewriter.python.code import Class, File, Function
from rewriter.python.inner_functions import inner_around
from rewriter.python.lasting import said_through_file
from rewriter.python.trees import walk
from rewriter.sites.site import Operation
from rewriter.torch_api import catalogue
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.plain_objects import RUN_BY_CLASS, helper_with, is_plain, may_help

ENOUGH = 4  # a run takes every branch, so that a few say what a function's arguments are
IN_VAIN = 32  # how many runs in a row may not come through a function whose name they say
_RUNNING_AT_ONCE = frozenset({"apply", "map", "filter", "sorted", "sort", "min", "max", "reduce", "named_apply"})
_DIFFERENTIATED = "apply"  # what code calls of a torch.autograd.Function
_THROUGH = Question[Function, list[Run]]("which runs come through the function?")
_KEPT = Question[Class, bool]("do modules keep objects of the class?")
_CALLED_ON_UNKNOWN = Question[str, bool]("does a forward call a method of that name on what it does not know?")


def runs_through(knowledge: Knowledge, function: Function) -> list[Run]:
    """The first few runs, in the order of the project's files, of classes whose forward comes through the function.

    Where no forward is seen to come through it: runs of methods that code calls on objects of which no more is known.
    """

    def find() -> list[Run]:
        said = dict[Class, set[str]]()
        found = candidates(knowledge, function, said) if may_compute(knowledge, function) else iter(())
        runs = (knowledge.run(cls) if knowledge.may_be_module(cls) else None for cls in found)
        through = list(_through(runs, lambda run: is_entered(run, function)))
        apart = _runs_apart(knowledge, said) if not through else iter(())
        return through or list(_through(apart, lambda run: is_entered(run, function)))

    return knowledge.project.answers.found(_THROUGH, function, find)


def _runs_apart(knowledge: Knowledge, said: dict[Class, set[str]]) -> Iterator[Run]:
    """Runs of the methods of classes that say one of the names, as far as others call them."""
    for cls, names in said.items():
        named = {m for m in cls.methods.values() if names & m.words and not m.is_static and m is not cls.constructor}
        methods = {method for method in named if method.node.name != "forward"}
        alone = runs_alone(knowledge, cls, methods) if knowledge.may_be_module(cls) else []
        yield from runs_of_users(knowledge, cls, methods) or alone


def is_of_plain(knowledge: Knowledge, method: Function) -> bool:
    """Whether a method belongs to objects that are not modules, and that do not become any."""
    cls, name = method.owner, method.node.name
    if cls is None or not is_plain(knowledge, cls) or (name.startswith("__") and name not in RUN_BY_CLASS):
        return False  # a run does not follow what else Python itself calls
    return not is_kept(knowledge, method) or isinstance(find_construction(knowledge, cls), NoPlace)


def is_kept(knowledge: Knowledge, method: Function) -> bool:
    """Whether modules keep objects of the method's class, and compute with them."""
    cls = method.owner
    assert cls is not None

    def find() -> bool:
        methods = {m for m in cls.methods.values() if not m.is_static and m is not cls.constructor}
        return bool(runs_of_users(knowledge, cls, methods))

    return knowledge.project.answers.found(_KEPT, cls, find)


def is_entered(run: Run, function: Function) -> bool:
    return function in run.met.entered or function in run.met.entered_plain


def runs_below(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Run]:
    """The first few runs of module classes below `cls` that come through one of its methods."""
    names = {method.node.name for method in _computing(knowledge, cls, methods)}
    if not names:
        return []
    below = (c for c in knowledge.hierarchy.below(cls) if knowledge.may_be_module(c))
    runs = (knowledge.run(c) for c in below if names & {"forward", *said_by_forward(knowledge, c)})
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
    called = (m for m in _computing(knowledge, cls, methods) if not m.node.name.startswith("__") and not m.is_property)
    return [knowledge.run_method(cls, m) for m in called if _is_called_on_unknown(knowledge, m.node.name)]


def runs_handing_out(knowledge: Knowledge, cls: Class, methods: set[Function]) -> list[Run]:
    """The run of the constructor, as far as it hands methods of the object to others, who may call them later."""
    found = _computing(knowledge, cls, methods) if knowledge.may_be_module(cls) else []
    computing = {method for method in found if not _is_for_others(cls, method.node.name)}
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
    project = knowledge.project

    def calls(file: File) -> bool:
        users = (user for user in file.users.get(name, ()) if isinstance(user, Class))
        runs = (knowledge.run(user) for user in users if name in said_by_forward(knowledge, user))
        return any(run is not None and name in run.met.unknown_methods for run in runs)

    def find() -> bool:
        asked = Lasting[Path, bool](f"{_CALLED_ON_UNKNOWN.text} {name}")
        return any(said_through_file(project, asked, path, calls, False) for path in project.paths_mentioning(name))

    return project.answers.found(_CALLED_ON_UNKNOWN, name, find)


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


def _users(knowledge: Knowledge, cls: Class, name: str) -> Iterator[Class]:
    """Classes that name a method of what is not themselves, and may mean this class's."""
    if name.startswith("__"):
        return
    is_unique = helper_with(knowledge, name) is cls
    for file in knowledge.project.files_mentioning(name, "" if is_unique else cls.node.name):
        if is_unique or cls.node.name in file.words or cls.node.name in file.names.bindings:
            named_in = (user for user in file.users.get(name, ()) if isinstance(user, Class))
            users = (user for user in named_in if name in said_by_forward(knowledge, user) or _stores(user, name))
            yield from (user for user in users if _of_others(knowledge, user, name))


def _stores(user: Class, name: str) -> bool:
    """Whether the constructor may keep the method of a part: `self.decode = self.coder.decode`."""
    return user.constructor is not None and name in user.constructor.words


def _of_others(knowledge: Knowledge, user: Class, name: str) -> bool:
    """Whether a class may call a method of that name of other objects: it has none itself, or names one of a part."""
    if not knowledge.hierarchy.lineage(user).method(name):
        return True
    named = (n.value for n in walk(user.node) if isinstance(n, ast.Attribute) and n.attr == name)
    return any(isinstance(holder, ast.Attribute | ast.Subscript) for holder in named)


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
