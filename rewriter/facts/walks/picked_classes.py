"""Classes of torch that code picks out of all modules of a model, to do something with each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.walks.after_making import may_hold, walking_classes
from rewriter.facts.walks.class_texts import attributes_compared, texts_compared
from rewriter.facts.walks.classes_asked_for import members_of, names_behind
from rewriter.facts.walks.of_modules import CHILDREN, DESCENDANTS, files_run
from rewriter.python.answers import Lasting, Question
from rewriter.python.code import Class, File
from rewriter.python.lasting import place_of, said_at
from rewriter.python.stated_names import texts_stated
from rewriter.python.trees import Comprehension, walk

_WALKS = CHILDREN | DESCENDANTS | {"apply"}
_TEXTS = Question[Class, frozenset[str]]("which texts are looked for in the names of the modules' classes?")
_PICKS_IN_FILE = Question[bool, "_Picks"]("what does the file ask for, in its walks or anywhere?")
_PICKED = Question[Class, frozenset[str]]("which classes of torch are picked out of its modules?")


def picked_classes(knowledge: Knowledge, cls: Class) -> frozenset[str]:
    """`for m in model.modules(): if isinstance(m, nn.Dropout): m.train()` would meet a new nn.Dropout as well."""
    return knowledge.project.answers.found(
        _PICKED, cls, lambda: frozenset(name for picks in _picks_around(knowledge, cls) for name in picks.classes)
    )


def picked_texts(knowledge: Knowledge, cls: Class) -> frozenset[str]:
    """`if m.__class__.__name__.find("Conv") != -1` would meet whatever is called so."""
    return knowledge.project.answers.found(
        _TEXTS, cls, lambda: frozenset(text for picks in _picks_around(knowledge, cls) for text in picks.texts)
    )


@dataclass(frozen=True)
class _Picks:
    """What the code of a class that goes through modules asks for."""

    classes: frozenset[str]
    texts: frozenset[str]
    attributes: frozenset[str] = frozenset()
    """Those of the object that hold more texts."""


def _picks_around(knowledge: Knowledge, cls: Class) -> Iterator[_Picks]:
    """Those of the class, and of classes that share or hold its objects: elsewhere it is meant for other models."""
    relatives = {relative for relative in knowledge.hierarchy.sharing(cls) if relative.file.words & _WALKS}
    yield from (_picks(knowledge, relative) for relative in relatives)
    near = set(map(place_of, relatives))
    for walker in walking_classes(knowledge.project):
        if walker not in near:
            picks = said_at(knowledge.project, _PICKS, walker, partial(_picks, knowledge))
            if (picks.classes or picks.texts) and may_hold(knowledge, walker, cls):
                yield picks


_PICKS = Lasting[str, _Picks](
    "what does each class that walks ask for?",
    lambda picks: [sorted(picks.classes), sorted(picks.texts)],
    lambda picks: _Picks(frozenset(picks[0]), frozenset(picks[1])),
)
_PICKS_OF = Question[Class, _Picks]("what does a class ask for?")


def _picks(knowledge: Knowledge, walker: Class) -> _Picks:
    def find() -> _Picks:
        beyond = files_run(knowledge.hierarchy, walker) - {walker.file}
        found = [_picks_in(walker.file, whole=False), *(_picks_in(file, whole=True) for file in beyond)]
        named = {name for picks in found for name in picks.classes}
        project = knowledge.project
        classes = frozenset(meant for name in named for meant in names_behind(project, name) if meant is not None)
        stated = [texts_stated(project, name) or () for picks in found for name in picks.attributes]
        texts = [*(picks.texts for picks in found), *stated]
        return _Picks(classes, frozenset(text for each in texts for text in each))

    return knowledge.project.answers.found(_PICKS_OF, walker, find)


def _picks_in(file: File, whole: bool) -> _Picks:
    def find() -> _Picks:
        parts = [file.source.tree] if whole else _parts(file)
        asked = [kind for part in parts for node in walk(part) for kind in _classes_compared(node)]
        compared = [kind for each in asked for kind in (members_of(each) or _members_named(file, each) or [each])]
        classes = frozenset(filter(None, map(file.names.full_name, compared)))
        return _Picks(classes, frozenset(texts_compared(file)), frozenset(attributes_compared(file)))

    return file.answers.found(_PICKS_IN_FILE, whole, find)


def _parts(file: File) -> Iterator[ast.AST]:
    """Where a file may ask for classes of modules: what is applied to them may stand anywhere."""
    yield from [file.source.tree] if "apply" in file.words else _in_loops(file)


def _in_loops(file: File) -> Iterator[ast.AST]:
    """What is done with each module in a loop or comprehension."""
    for node in walk(file.source.tree):
        if isinstance(node, ast.For) and _goes_through_modules(node.iter):
            yield from node.body
        elif isinstance(node, Comprehension) and any(_goes_through_modules(g.iter) for g in node.generators):
            yield node


def _goes_through_modules(over: ast.expr) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr in _WALKS for n in walk(over))


def _classes_compared(node: ast.AST) -> list[ast.expr]:
    """`isinstance(m, (A, B))`, `type(m) is A`, `type(m) in (A, B)`"""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        wanted = node.args[1:]
    elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Call) and ast.unparse(node.left.func) == "type":
        wanted = node.comparators
    else:
        return []
    return wanted


def _members_named(file: File, variable: ast.expr) -> list[ast.expr]:
    """What functions of the file put into tuples under the name of a variable."""
    if not isinstance(variable, ast.Name):
        return []
    sets = (s for s in walk(file.source.tree) if isinstance(s, ast.Assign))
    made = [s.value for s in sets for t in s.targets if isinstance(t, ast.Name) and t.id == variable.id]
    return [member for value in made for member in members_of(value) or []]
