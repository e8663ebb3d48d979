"""What is set: a variable of the function, or what somebody else may see."""

from __future__ import annotations

import ast

from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.things import ANY, FRESH, SAME, Grown, Pair, Tells, Value, is_settled, items_of
from rewriter.python.trees import children


def assign(run: Runner, target: ast.expr, given: Value, frame: Frame) -> None:
    """Binds what is set; what somebody else may see has to be the same in both runs."""
    if isinstance(target, ast.Name):
        frame.set(target.id, given)
    elif isinstance(target, ast.Tuple | ast.List):
        items = given.items if isinstance(given, Pair) and len(given.items) == len(target.elts) else None
        one = items_of(given)[0] if is_settled(given) else ANY
        for index, part in enumerate(target.elts):
            part = part.value if isinstance(part, ast.Starred) else part
            assign(run, part, one if items is None else items[index], frame)
    else:
        _assign_to_somebody(run, target, given, frame)


def _assign_to_somebody(run: Runner, target: ast.expr, given: Value, frame: Frame) -> None:
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        name = target.value.id
        of, key = frame.variables.get(name, SAME), run.value(run, target.slice, frame)
        if of is FRESH or isinstance(of, Grown):
            if frame.alone:
                frame.set(name, Grown(key, given, is_table=True) if of is FRESH else ANY)
            elif not (is_settled(key) and is_settled(given)):
                frame.set(name, ANY)
            return
    parts = [run.value(run, part, frame) for part in children(target) if isinstance(part, ast.expr)]
    if frame.alone or not all(map(is_settled, [*parts, given])):
        raise Tells
