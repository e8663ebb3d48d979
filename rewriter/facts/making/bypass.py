"""Ways on which an object comes to run a class's methods though it has never run the class's `__init__`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.guarded_classes import binds_guarded, is_guarded
from rewriter.facts.making.reclassed import turned_into
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function
from rewriter.python.trees import children, walk

# What restores an object may take over all that the other one had: then the new modules are among it.
_WHOLE_STATE = frozenset({"__dict__", "__setstate__", "__getstate__", "state_dict"})
_REPLACED_INIT = r"\.__init__[ \t]*=[^=]"
_BINDING = frozenset({"MethodType", "partial", "partialmethod", "setattr", "__get__"})


def bypass_of(knowledge: Knowledge, cls: Class) -> str | None:
    """The first such way that the project has, in words that follow on "no place to make a module in Block:"."""
    family = [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]
    for relative in family:
        if (restored := _partly_restored(relative)) is not None:
            return f"{relative.node.name}.{restored} sets objects up without this __init__"
    made = _made_bare(knowledge, cls, family) or _init_replaced(knowledge, family)
    return made or turned_into(knowledge, cls) or _borrowed(knowledge, cls)


def _partly_restored(cls: Class) -> str | None:
    """The method that pickle or copy runs in place of `__init__`, where it does not take the whole state over."""
    for name in ("__setstate__", "__getstate__"):
        method = cls.methods.get(name)
        if method is not None and not (method.words & (_WHOLE_STATE - {name}) or _asks_base(method)):
            return name
    return None


def _asks_base(method: Function) -> bool:
    """`super().__setstate__(state)`"""
    calls = (n.func for n in walk(method.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
    return any(func.attr == method.node.name for func in calls)


def _made_bare(knowledge: Knowledge, cls: Class, family: list[Class]) -> str | None:
    """`cls.__new__(cls)` outside of a `__new__`, by a function that does not copy the state of another object."""
    for function in _bare_makers(knowledge):
        if function.owner in family or _names_one(knowledge, function, family):
            return f"{function.node.name} makes objects by __new__, which do not run this __init__"
    return None


_BARE_MAKERS = Question[None, list[Function]]("which functions make objects without an __init__?")


def _bare_makers(knowledge: Knowledge) -> list[Function]:
    def find() -> list[Function]:
        functions = (f for file in knowledge.project.files_mentioning("__new__") for f in _functions(file))
        named = (f for f in functions if "__new__" in f.words and f.node.name != "__new__")
        return [function for function in named if not function.words & _WHOLE_STATE]

    return knowledge.project.answers.found(_BARE_MAKERS, None, find)


def _init_replaced(knowledge: Knowledge, family: list[Class]) -> str | None:
    """`Block.__init__ = set_up`, below the class or elsewhere."""
    for name, where in _replaced_inits(knowledge):
        if knowledge.project.find(name) in family:
            return f"{where} puts another __init__ in its place"
    return None


_REPLACED_INITS = Question[None, list[tuple[str, str]]]("whose __init__ is replaced, and where?")


def _replaced_inits(knowledge: Knowledge) -> list[tuple[str, str]]:
    def find() -> list[tuple[str, str]]:
        return [
            (name, f"{file.path.name}:{node.lineno}")
            for file in knowledge.project.files_matching(_REPLACED_INIT)
            for node in walk(file.source.tree)
            if isinstance(node, ast.Attribute) and node.attr == "__init__" and isinstance(node.ctx, ast.Store)
            if (name := file.names.searched_name(node.value)) is not None
        ]

    return knowledge.project.answers.found(_REPLACED_INITS, None, find)


def _names_one(knowledge: Knowledge, function: Function, family: list[Class]) -> bool:
    for node in walk(function.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__new__":
            named = (function.name_inside(part) for part in [node.func.value, *node.args[:1]])
            if any(knowledge.project.find(name) in family for name in named if name):
                return True
    return False


def _functions(file: File) -> Iterator[Function]:
    yield from file.functions.values()
    for cls in file.classes:
        yield from cls.methods.values()


def _borrowed(knowledge: Knowledge, cls: Class) -> str | None:
    """`forward = Block.forward` in a class that is none of its kind, `MethodType(Block.forward, x)`, `Block.f(x)`."""
    for file in knowledge.project.files_mentioning(cls.node.name):
        for loan in _loans(file).get(cls.node.name, ()):
            if loan.method not in cls.methods or cls.methods[loan.method].is_static:
                continue
            is_kin = loan.user is not None and cls in knowledge.hierarchy.lineage(loan.user).project
            is_kin = is_kin or (loan.call is not None and _is_for_kin(knowledge, file, loan.call, cls))
            if not is_kin and knowledge.project.find(loan.owner) is cls:
                who = loan.user.node.name if loan.user is not None else file.path.name
                return f"{who} uses {cls.node.name}.{loan.method} for objects that did not run this __init__"
    return None


def _is_for_kin(knowledge: Knowledge, file: File, call: ast.Call, cls: Class) -> bool:
    """`Block.f(x)`, where x is known to be an object of the class, or the function is only made a method of such."""
    given = call.args[0]
    if is_guarded(knowledge, file, call, given, cls):
        return True
    around = next((f for f in file.functions.values() if any(n is call for n in walk(f.node))), None)
    first = around.node.args.args[:1] if around is not None else []
    is_first = any(isinstance(given, ast.Name) and given.id == a.arg for a in first)
    return around is not None and is_first and binds_guarded(knowledge, file, around.node.name, cls)


@dataclass(frozen=True)
class _Loan:
    """A method that code takes from a class, to run it on objects of its own."""

    owner: str
    method: str
    user: Class | None
    """The class whose code takes it."""
    call: ast.Call | None
    """Where it is called as `Block.f(x)`."""


_LOANS = Question[None, dict[str, list[_Loan]]]("which methods does the file take from classes?")


def _loans(file: File) -> dict[str, list[_Loan]]:
    """Those of a file, by the last part of the owner's name."""

    def find() -> dict[str, list[_Loan]]:
        found = dict[str, list[_Loan]]()
        users: list[tuple[Class | None, ast.AST]] = [(cls, cls.node) for cls in file.classes]
        for user, tree in [*users, (None, file.source.tree)]:
            for node in _own_nodes(tree):
                for given in _taken_from_classes(node):
                    owner = file.names.searched_name(given.value)
                    call = node if isinstance(node, ast.Call) and node.func is given else None
                    if owner is not None:
                        found.setdefault(owner.rpartition(".")[2], []).append(_Loan(owner, given.attr, user, call))
        return found

    return file.answers.found(_LOANS, None, find)


def _taken_from_classes(node: ast.AST) -> Iterator[ast.Attribute]:
    """What a statement or call uses as a function of its own: `f = A.g`, `MethodType(A.g, x)`, `A.g(x)`."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
        yield node.value
    if not isinstance(node, ast.Call):
        return
    func = node.func
    if isinstance(func, ast.Attribute) and node.args:
        yield func
    if (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) in _BINDING:
        yield from (argument for argument in node.args if isinstance(argument, ast.Attribute))
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Attribute):
            yield func.value


def _own_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a class or file, without those of classes inside it."""
    waiting = children(tree)[::-1]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.ClassDef):
            yield node
            waiting += children(node)[::-1]
