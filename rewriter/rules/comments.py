"""Comments among the arguments of a call: what one speaks of stays beside it."""

from __future__ import annotations

import ast

from rewriter.python.source import Source
from rewriter.torch_api.row import written_order


def spoken_of(source: Source, call: ast.expr | ast.stmt) -> set[ast.expr]:
    """The arguments with a comment beside or above them, which would be lost if they went to the constructor."""
    if not isinstance(call, ast.Call) or call.lineno == call.end_lineno or "#" not in source.segment(call):
        return set()
    end = call.end_lineno or 0  # a comment on the last line stands behind the call
    comments = {line: alone for line, alone in source.comments.items() if call.lineno <= line < end}
    found, before = set[ast.expr](), call.func.end_lineno or 0
    values = [a.value if isinstance(a, ast.keyword) else a for a in written_order(call)]
    for value in values:
        last = end if value is values[-1] else value.end_lineno or 0
        above = any(alone and before < line < value.lineno for line, alone in comments.items())
        if above or any(value.lineno <= line <= last for line in comments):
            found.add(value)
        before = value.end_lineno or 0
    return found
