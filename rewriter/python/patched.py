"""Methods that code puts in the place of a forward: `m.forward = m.forward_split`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.project import Project
from rewriter.python.trees import walk

ENTRIES = ("forward", "__call__")
"""The methods by which a module is run."""
_PATCHED = Question[None, frozenset[str]]("which methods are put in the place of a forward?")
_PUTS = re.compile(rb"\.forward[ \t]*=[^=]")


def put_in_place_of_forward(project: Project) -> frozenset[str]:
    """Their names: whichever class has such a method may be the one that is meant."""
    answers = project.answers.to(_PATCHED)
    if None not in answers:
        answers[None] = frozenset(name for file in project.files_matching(_PUTS) for name in _put_by(file))
    return answers[None]


def _put_by(file: File) -> Iterator[str]:
    for node in walk(file.source.tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        puts = any(isinstance(target, ast.Attribute) and target.attr == "forward" for target in targets)
        if puts and isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            yield node.value.attr
