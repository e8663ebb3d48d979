"""What files write down once and for all: `STYLES = ("free", "keep")`."""

from __future__ import annotations

import ast

from rewriter.facts.walks.one_more.frame import Frame
from rewriter.facts.walks.one_more.things import SAME, Pair, Value, said
from rewriter.python.answers import Question
from rewriter.python.code import File
from rewriter.python.function_tables import assigned_once
from rewriter.python.trees import walk

_WRITTEN = Question[None, dict[str, Value]]("which constants does the file say?")


def written(frame: Frame, node: ast.Name) -> Value:
    """The constant, or the tuple of constants, that a name outside of the function means."""
    module, _, name = (frame.function.global_name(node) or "").rpartition(".")
    file = frame.hierarchy.project.module(module) if module else None
    if file is None:
        return SAME
    frame.files.add(file)
    return _constants(file).get(name, SAME)


def _constants(file: File) -> dict[str, Value]:
    def find() -> dict[str, Value]:
        changed = {name for n in walk(file.source.tree) if isinstance(n, ast.Global) for name in n.names}
        once = assigned_once(file).items()
        return {name: _told(value) for name, value in once if name not in changed}

    return file.answers.found(_WRITTEN, None, find)


def _told(value: ast.expr) -> Value:
    if isinstance(value, ast.Tuple) and all(isinstance(item, ast.Constant) for item in value.elts):
        return Pair(tuple(map(said, value.elts)))
    return said(value)
