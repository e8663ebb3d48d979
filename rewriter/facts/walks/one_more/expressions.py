"""What an expression is in the two runs."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.facts.walks.one_more.compared import compared
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.gathered import gathered
from rewriter.facts.walks.one_more.new_ones import HAD_BY_NEW_ONES
from rewriter.facts.walks.one_more.texts import formatted, joined_texts
from rewriter.facts.walks.one_more.things import (
    ANY,
    CLASS,
    CLASS_NAME,
    FRESH,
    MODULE,
    NAME,
    NEW,
    OBJECT,
    SAME,
    Const,
    Fails,
    Grown,
    Pair,
    Tells,
    Texts,
    Value,
    either,
    is_settled,
    said,
    truth,
)
from rewriter.facts.walks.one_more.written import written
from rewriter.python.stated_names import texts_stated
from rewriter.python.trees import children, walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

TABLES = {"_modules": Grown(NAME, MODULE, is_table=True)}
OF_ANY_MODULE = MODULE_ATTRIBUTES - {"forward", "__call__"}


def value(run: Runner, node: ast.expr, frame: Frame) -> Value:
    frame.budget.take()
    read = _KINDS.get(type(node))
    return read(run, node, frame) if read is not None else _anything(run, node, frame)


def _anything(run: Runner, node: ast.AST, frame: Frame) -> Value:
    """An expression of which nothing is known but what it is made of."""
    parts = [run.value(run, part, frame) for part in children(node) if isinstance(part, ast.expr)]
    return SAME if all(map(is_settled, parts)) else ANY


def _constant(run: Runner, node: ast.Constant, frame: Frame) -> Value:
    return said(node)


def _name(run: Runner, node: ast.Name, frame: Frame) -> Value:
    if node.id in frame.variables or node.id in frame.function.locals:
        return frame.read(node.id)
    return written(frame, node) if frame.alone else SAME


def _attribute(run: Runner, node: ast.Attribute, frame: Frame) -> Value:
    of = run.value(run, node.value, frame)
    if of is OBJECT and node.attr in TABLES:
        return TABLES[node.attr] if frame.meets(node) else SAME
    if of is OBJECT:
        return stated(frame, node.attr)
    if of is MODULE:
        if node.attr == "__class__":
            return CLASS
        if node.attr in OF_ANY_MODULE:
            return SAME
        if node.attr in HAD_BY_NEW_ONES | {"forward", "__call__"}:
            return ANY
        raise Fails
    if of is CLASS and node.attr in ("__name__", "__qualname__"):
        return CLASS_NAME
    return SAME if is_settled(of) else ANY


def stated(frame: Frame, attribute: str) -> Value:
    """An attribute of the object, which the bodies of classes may say."""
    texts = texts_stated(frame.hierarchy.project, attribute)
    return SAME if texts is None else Texts(texts)


def _tuple(run: Runner, node: ast.Tuple | ast.List, frame: Frame) -> Value:
    if isinstance(node, ast.List) and not node.elts:
        return FRESH
    if any(isinstance(item, ast.Starred) for item in node.elts):
        return _anything(run, node, frame)
    return Pair(tuple(run.value(run, item, frame) for item in node.elts))


def _dictionary(run: Runner, node: ast.Dict | ast.Set, frame: Frame) -> Value:
    return FRESH if _anything(run, node, frame) is SAME else ANY


def _operated(run: Runner, node: ast.BinOp, frame: Frame) -> Value:
    left, right = run.value(run, node.left, frame), run.value(run, node.right, frame)
    if is_settled(left) and is_settled(right):
        return SAME
    if isinstance(node.op, ast.Add) and (text := joined_texts([left, right])) is not None:
        return text
    if isinstance(left, Grown) and (is_settled(right) or right == left) and isinstance(node.op, ast.BitOr | ast.Sub):
        return left if left.extra in NEW or isinstance(node.op, ast.BitOr) else ANY
    if isinstance(right, Grown) and is_settled(left):
        if isinstance(node.op, ast.BitOr):
            return right
        return SAME if right.extra in NEW and isinstance(node.op, ast.Sub | ast.BitAnd) else ANY
    return ANY


def _all_or_any(run: Runner, node: ast.BoolOp, frame: Frame) -> Value:
    """What stands behind a value that decides is not run; behind one that may decide, only one of the runs may."""
    ends_at, found = isinstance(node.op, ast.Or), list[Value]()
    for part in node.values:
        of_part = _maybe(run, part, frame, found)
        if truth(of_part) is ends_at:
            return SAME if is_settled(of_part) and all(map(is_settled, found)) and not frame.alone else of_part
        found.append(of_part)
    if all(truth(v) is not None for v in found):
        return found[-1]
    return SAME if all(map(is_settled, found)) else ANY


def _maybe(run: Runner, part: ast.expr, frame: Frame, before: list[Value]) -> Value:
    if all(map(is_settled, before)) or all(truth(v) is not None for v in before):
        return run.value(run, part, frame)
    found = list[Value]()
    frame.one_alone([lambda: _add(found, run.value(run, part, frame))], asked=True)
    return found[0]


def _add(found: list[Value], one: Value) -> bool:
    found.append(one)
    return True


def _turned(run: Runner, node: ast.UnaryOp, frame: Frame) -> Value:
    of = run.value(run, node.operand, frame)
    if isinstance(node.op, ast.Not) and (known := truth(of)) is not None:
        return Const(not known)
    if isinstance(node.op, ast.USub) and isinstance(of, Const) and isinstance(of.value, int | float):
        return Const(-of.value)
    return SAME if is_settled(of) else ANY


def _chosen(run: Runner, node: ast.IfExp, frame: Frame) -> Value:
    test = run.value(run, node.test, frame)
    if (known := truth(test)) is not None:
        return run.value(run, node.body if known else node.orelse, frame)
    found = list[Value]()

    def way(part: ast.expr) -> Callable[[], bool]:
        return lambda: _add(found, run.value(run, part, frame))

    ways = [way(node.body), way(node.orelse)]
    if is_settled(test):
        frame.both(ways)
        return either(*found)
    frame.one_alone(ways, asked=True)
    return found[0] if found[0] == found[1] and found[0] is not SAME else ANY


def _formatted(run: Runner, node: ast.JoinedStr, frame: Frame) -> Value:
    return formatted([_piece(run, part, frame) for part in node.values])


def _piece(run: Runner, part: ast.expr, frame: Frame) -> Value:
    if not isinstance(part, ast.FormattedValue):
        return run.value(run, part, frame)
    of = run.value(run, part.value, frame)
    plain = part.format_spec is None and part.conversion == -1
    return of if plain or is_settled(of) else ANY


def _named(run: Runner, node: ast.NamedExpr, frame: Frame) -> Value:
    of = run.value(run, node.value, frame)
    frame.set(node.target.id, of)
    return of


def _item(run: Runner, node: ast.Subscript, frame: Frame) -> Value:
    of = run.looked_through(node.value, frame)
    at = run.value(run, node.slice, frame)
    if (
        isinstance(of, Pair)
        and isinstance(at, Const)
        and isinstance(at.value, int)
        and -len(of.items) <= at.value < len(of.items)
    ):
        return of.items[at.value]
    if isinstance(of, Grown) and of.is_table and is_settled(at):
        return of.rest
    is_new = of in NEW or at in NEW or isinstance(at, Pair)
    if is_new and not (is_settled(of) and is_settled(at)):
        raise Tells  # one of the runs ends in an error
    return SAME if is_settled(of) and is_settled(at) else ANY


def _handed_out(run: Runner, node: ast.Yield | ast.YieldFrom | ast.Await, frame: Frame) -> Value:
    if frame.alone or (node.value is not None and not is_settled(run.value(run, node.value, frame))):
        raise Tells
    return SAME


def _function(run: Runner, node: ast.Lambda, frame: Frame) -> Value:
    """A function that is kept by somebody, who may call it whenever it is."""
    return SAME if reads_settled(node, frame) else ANY


def reads_settled(node: ast.AST, frame: Frame) -> bool:
    names = {n.id for n in walk(node) if isinstance(n, ast.Name)}
    return all(is_settled(frame.read(name)) for name in names & frame.variables.keys())


_KINDS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _tuple,
    ast.List: _tuple,
    ast.Dict: _dictionary,
    ast.Set: _dictionary,
    ast.BinOp: _operated,
    ast.BoolOp: _all_or_any,
    ast.UnaryOp: _turned,
    ast.IfExp: _chosen,
    ast.Compare: compared,
    ast.JoinedStr: _formatted,
    ast.NamedExpr: _named,
    ast.Subscript: _item,
    ast.Lambda: _function,
    ast.ListComp: gathered,
    ast.SetComp: gathered,
    ast.GeneratorExp: gathered,
    ast.DictComp: gathered,
    ast.Yield: _handed_out,
    ast.YieldFrom: _handed_out,
    ast.Await: _handed_out,
    ast.Call: lambda run, node, frame: run.call(run, node, frame),
}
