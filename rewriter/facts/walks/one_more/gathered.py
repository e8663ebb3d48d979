"""Comprehensions, and what one of the runs has more in what they make."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.walks.one_more.assigned import assign
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.things import (
    ANY,
    EMPTY,
    FRESH,
    SAME,
    Grown,
    Pair,
    Value,
    is_settled,
    items_of,
    one_of,
    truth,
)
from rewriter.python.trees import Comprehension, walk


def gathered(run: Runner, node: Comprehension, frame: Frame) -> Value:
    """The collection that a comprehension makes, and what one of the runs has more in it."""
    outer = dict(frame.variables)
    try:
        rests, extras = list[Value](), list[Value]()
        for element, is_extra in _elements(run, node, list(node.generators), frame, False):
            (extras if is_extra else rests).append(element)
    finally:
        frame.variables = {**outer, **{name: frame.variables[name] for name in _walruses(node)}}
    return _collection(node, rests, extras)


def _collection(node: ast.expr, rests: list[Value], extras: list[Value]) -> Value:
    rest = one_of(rests or [SAME])
    if not extras and not is_settled(rest):
        return Grown(ANY, ANY, rest)
    if not extras:
        return SAME if isinstance(node, ast.GeneratorExp) else FRESH
    extra = extras[0] if all(e == extras[0] for e in extras) else ANY
    if isinstance(node, ast.DictComp):
        key, of_key = extra.items if isinstance(extra, Pair) else (ANY, ANY)
        return Grown(key, of_key, SAME if is_settled(rest) else ANY, is_table=True)
    return Grown(extra, rest=rest)


def _elements(
    run: Runner, node: ast.expr, generators: list[ast.comprehension], frame: Frame, is_extra: bool
) -> Iterator[tuple[Value, bool]]:
    if not generators:
        assert isinstance(node, Comprehension)
        if isinstance(node, ast.DictComp):
            yield Pair((run.value(run, node.key, frame), run.value(run, node.value, frame))), is_extra
        else:
            yield run.value(run, node.elt, frame), is_extra
        return
    first, *inner = generators
    over = run.value(run, first.iter, frame)
    if over is EMPTY:
        return
    rest, extra = items_of(over)
    met_object = isinstance(over, Grown) and over.first_is_object
    for item, alone in ((rest, False), (extra, True)):
        if item is None:
            continue
        was = frame.alone, frame.met_object
        frame.alone, frame.met_object = frame.alone or alone, frame.met_object or met_object
        assign(run, first.target, item, frame)
        tests = list(_tested(run, first.ifs, frame))
        if not any(truth(test) is False for test in tests):
            unsure = any(truth(t) is None and not is_settled(t) for t in tests)
            yield from _elements(run, node, inner, frame, is_extra or alone or unsure)
        frame.alone, frame.met_object = was


def _tested(run: Runner, tests: list[ast.expr], frame: Frame) -> Iterator[Value]:
    for test in tests:
        found = run.value(run, test, frame)
        yield found
        if truth(found) is False:
            return


def _walruses(node: ast.AST) -> set[str]:
    return {n.target.id for n in walk(node) if isinstance(n, ast.NamedExpr)}
