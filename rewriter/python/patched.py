"""What code puts in the place of something else: `m.forward = m.forward_split`, `torch.cat = logged_cat`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.names import canonical
from rewriter.python.of_file import OfFile
from rewriter.python.project import Project
from rewriter.python.trees import walk
from rewriter.torch_api import catalogue
from rewriter.torch_api.row import Row

_SET = Question[str, bool]("does code that is not the module's own set the variable?")
ENTRIES = ("forward", "__call__")
"""The methods by which a module is run."""
_PATCHED = Question[None, frozenset[str]]("which methods are put in the place of a forward?")
_PUTS = r"\.forward[ \t]*=[^=]"
_REPLACED = Question[None, frozenset[str]]("which functions and classes of torch are others put in the place of?")
_WORDS = sorted(
    {*filter(str.isidentifier, catalogue.NAMES), *(t.rpartition(".")[2] for r in catalogue.ROWS for t in r.targets)}
)
_REPLACES = rf"(?<!self)\.(?:{'|'.join(sorted(_WORDS))})[ \t]*=[^=]|setattr\(|\bpatch\b"


def put_in_place_of_forward(project: Project) -> frozenset[str]:
    """Their names: whichever class has such a method may be the one that is meant."""
    return project.answers.found(
        _PATCHED, None, lambda: frozenset(name for file in project.files_matching(_PUTS) for name in _put_by(file))
    )


def _put_by(file: File) -> Iterator[str]:
    for node in walk(file.source.tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        puts = any(isinstance(target, ast.Attribute) and target.attr == "forward" for target in targets)
        if puts and isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            yield node.value.attr


def replaced(project: Project, row: Row) -> str | None:
    """The function or class of torch that is another one while code of the project runs, where the row draws on it.

    Which of a row's functions a module calls is torch's affair, so any of them counts.
    """

    def find() -> frozenset[str]:
        names = (project.said_by(_REPLACED_IN, path) for path in project.paths_matching(_REPLACES))
        return frozenset[str]().union(*names)

    known = project.answers.found(_REPLACED, None, find)
    names = (*(spelling.name for spelling in row.spellings), *row.targets)
    return next((name for name in names if name in known), None) if known else None


def is_set_from_outside(project: Project, name: str) -> bool:
    """Whether code gives a variable of a module another value: `acts.ACT = torch.tanh` in another file."""

    def find() -> bool:
        bare = re.escape(name.rpartition(".")[2])
        pattern = rf"\.{bare}[ \t]*=[^=]|[\"']{bare}[\"']"
        return any(name in project.said_by(_REPLACED_IN, path) for path in project.paths_matching(pattern))

    return project.answers.found(_SET, name, find)


def _replaced_by(file: File) -> Iterator[str]:
    for node in walk(file.source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if (name := file.names.full_name(node)) is not None:
                yield name
        elif isinstance(node, ast.Call) and _is_named(node.func, "setattr", "object", "patch"):
            yield from _set_by(node.args, file)


def _is_named(func: ast.expr, *names: str) -> bool:
    """`setattr`, `monkeypatch.setattr`, `mock.patch`, `mock.patch.object`."""
    return (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) in names


def _set_by(arguments: list[ast.expr], file: File) -> Iterator[str]:
    """`(F, "relu", ...)`, or `("torch.nn.functional.relu", ...)`."""
    texts = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else "" for a in arguments[:2]]
    if texts and texts[0]:
        yield canonical(texts[0])
    elif len(texts) > 1 and texts[1] and (home := file.names.full_name(arguments[0])):
        yield canonical(f"{home}.{texts[1]}")


_REPLACED_IN = OfFile[frozenset[str]](
    "what does the file put others in the place of?",
    sorted,
    frozenset,
    find=lambda file: frozenset(_replaced_by(file)),
    absent=frozenset(),
    asks_names=True,
)
