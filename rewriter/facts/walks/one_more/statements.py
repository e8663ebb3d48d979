"""What statements do in the two runs. Each returns whether the run goes on behind it."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.facts.walks.one_more.assigned import assign
from rewriter.facts.walks.one_more.expressions import reads_settled
from rewriter.facts.walks.one_more.frame import Frame, Runner, Variables, joined
from rewriter.facts.walks.one_more.new_ones import HAD_BY_NEW_ONES
from rewriter.facts.walks.one_more.things import (
    ANY,
    EMPTY,
    MODULE,
    NONE,
    SAME,
    Fails,
    Grown,
    Tells,
    Value,
    is_settled,
    items_of,
    truth,
)  # fmt: skip
from rewriter.python.code import FunctionNode
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES


def body(run: Runner, statements: list[ast.stmt], frame: Frame) -> bool:
    for statement in statements:
        frame.budget.take()
        do = _KINDS.get(type(statement))
        if do is None:
            raise Tells
        if not do(run, statement, frame):
            return False
    return True


def _expression(run: Runner, node: ast.Expr, frame: Frame) -> bool:
    run.value(run, node.value, frame)
    return True


def _assignment(run: Runner, node: ast.Assign, frame: Frame) -> bool:
    given = run.value(run, node.value, frame)
    for target in node.targets:
        assign(run, target, given, frame)
    return True


def _annotated(run: Runner, node: ast.AnnAssign, frame: Frame) -> bool:
    if node.value is not None:
        assign(run, node.target, run.value(run, node.value, frame), frame)
    return True


def _augmented(run: Runner, node: ast.AugAssign, frame: Frame) -> bool:
    given = run.value(run, node.value, frame)
    if not isinstance(node.target, ast.Name):
        assign(run, node.target, given, frame)
        return True
    was = frame.read(node.target.id)
    both = is_settled(was) and is_settled(given)
    grown = given if isinstance(given, Grown) and is_settled(was) and isinstance(node.op, ast.Add | ast.BitOr) else ANY
    frame.set(node.target.id, SAME if both else grown)
    return True


def _branch(run: Runner, node: ast.If, frame: Frame) -> bool:
    test = run.value(run, node.test, frame)
    ways = [lambda: run.body(run, node.body, frame), lambda: run.body(run, node.orelse, frame)]
    if (known := truth(test)) is not None:
        frame.asked = frame.asked or (frame.alone and not isinstance(node.test, ast.Constant))
        return ways[not known]()
    if is_settled(test):
        return frame.both(ways)
    if _means_others(run, node, frame):
        ways = ways[1:]
    return frame.one_alone(ways, asked=True)


def _means_others(run: Runner, node: ast.If, frame: Frame) -> bool:
    """`if isinstance(child, conv_type): init(child.weight)`: whatever has that type has what is read at once."""
    test, first = node.test, node.body[0]
    if not isinstance(test, ast.Call) or ast.unparse(test.func) != "isinstance" or len(test.args) != 2:
        return False
    child = test.args[0]
    if not isinstance(child, ast.Name) or frame.variables.get(child.id) is not MODULE:
        return False
    if not isinstance(first, ast.Expr | ast.Assign | ast.AugAssign):
        return False
    read = {n.attr for n in walk(first) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == child.id}
    lazy = any(isinstance(n, ast.IfExp | ast.BoolOp | ast.Lambda | ast.comprehension) for n in walk(first))
    return not lazy and bool(read - MODULE_ATTRIBUTES - HAD_BY_NEW_ONES)


def _loop(run: Runner, node: ast.For, frame: Frame) -> bool:
    over = run.looked_through(node.iter, frame)
    if over is EMPTY:
        return run.body(run, node.orelse, frame)
    rest, extra = items_of(over)
    outer = frame.ends_of_turn, frame.loop_began_alone
    frame.ends_of_turn, frame.loop_began_alone = [], frame.alone
    _turns(run, node, rest, frame)
    if extra is not None:
        _turn_alone(run, node, extra, isinstance(over, Grown) and over.first_is_object, frame)
        _turns(run, node, rest, frame)
    frame.ends_of_turn, frame.loop_began_alone = outer
    return run.body(run, node.orelse, frame)


def _turns(run: Runner, node: ast.For, item: Value, frame: Frame) -> None:
    """Two turns, for what the first leaves to the next."""
    for _ in range(2):
        before = dict(frame.variables)
        assign(run, node.target, item, frame)
        _turn(run, node.body, before, frame)


def _turn(run: Runner, statements: list[ast.stmt], before: Variables, frame: Frame) -> None:
    """A turn that both runs take, after which the variables are as before where there was none."""
    goes_on = run.body(run, statements, frame)
    frame.variables = joined([before, *([frame.variables] if goes_on else []), *frame.ends_of_turn])
    frame.ends_of_turn = []


def _turn_alone(run: Runner, node: ast.For, item: Value, met_object: bool, frame: Frame) -> None:
    def turn() -> bool:
        assign(run, node.target, item, frame)
        run.body(run, node.body, frame)
        frame.ends_of_turn = []
        return True

    asked = frame.asked
    frame.asked = False
    frame.one_alone([turn], asked=False, met_object=met_object)
    frame.asked = asked


def _while(run: Runner, node: ast.While, frame: Frame) -> bool:
    test = run.value(run, node.test, frame)
    if truth(test) is False:
        return run.body(run, node.orelse, frame)
    if not is_settled(test):
        raise Tells
    outer = frame.ends_of_turn, frame.loop_began_alone
    frame.ends_of_turn, frame.loop_began_alone = [], frame.alone
    for _ in range(2):
        _turn(run, node.body, dict(frame.variables), frame)
        if not is_settled(run.value(run, node.test, frame)):
            raise Tells
    frame.ends_of_turn, frame.loop_began_alone = outer
    return run.body(run, node.orelse, frame)


def _continue(run: Runner, node: ast.Continue, frame: Frame) -> bool:
    frame.ends_of_turn.append(frame.variables)
    return False


def _break(run: Runner, node: ast.Break, frame: Frame) -> bool:
    if frame.alone and not frame.loop_began_alone:
        raise Tells  # the other run goes on
    frame.ends_of_turn.append(frame.variables)
    return False


def _return(run: Runner, node: ast.Return, frame: Frame) -> bool:
    if frame.alone and not frame.began_alone:
        raise Tells  # the other run goes on
    frame.returned.append(NONE if node.value is None else run.value(run, node.value, frame))
    return False


def _raise(run: Runner, node: ast.Raise, frame: Frame) -> bool:
    """For the object itself, too, which is among those that are met, where nothing is asked of the child."""
    if frame.alone and (frame.asked or not frame.met_object):
        raise Tells
    return False


def _with(run: Runner, node: ast.With, frame: Frame) -> bool:
    for item in node.items:
        given = run.value(run, item.context_expr, frame)
        if item.optional_vars is not None:
            assign(run, item.optional_vars, given, frame)
    return run.body(run, node.body, frame)


def _try(run: Runner, node: ast.Try, frame: Frame) -> bool:
    def tried() -> bool:
        try:
            return run.body(run, [*node.body, *node.orelse], frame)
        except Fails as failure:
            catching = [handler for handler in node.handlers if _catches(handler, failure.error)]
            if not frame.alone or not catching:
                raise
            return run.body(run, catching[0].body, frame)

    handlers = [_handled(run, handler, frame) for handler in node.handlers]
    goes_on = frame.both([tried, *handlers])
    return run.body(run, node.finalbody, frame) and goes_on


def _handled(run: Runner, handler: ast.ExceptHandler, frame: Frame) -> Callable[[], bool]:
    return lambda: run.body(run, handler.body, frame)


def _catches(handler: ast.ExceptHandler, error: str) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or ast.unparse(kind) in (error, "Exception", "BaseException") for kind in kinds)


def _function(run: Runner, node: FunctionNode, frame: Frame) -> bool:
    """A function inside: what it reads of the variables around it is read whenever it is called."""
    frame.set(node.name, SAME if reads_settled(node, frame) else ANY)
    return True


def _delete(run: Runner, node: ast.Delete, frame: Frame) -> bool:
    if frame.alone and not all(isinstance(target, ast.Name) for target in node.targets):
        raise Tells
    parts = [run.value(run, t.slice, frame) for t in node.targets if isinstance(t, ast.Subscript)]
    if not all(map(is_settled, parts)):
        raise Tells
    return True


def _import(run: Runner, node: ast.Import | ast.ImportFrom, frame: Frame) -> bool:
    return True


def _of_others(run: Runner, node: ast.Global | ast.Nonlocal, frame: Frame) -> bool:
    frame.outer |= set(node.names)
    return True


def _assert(run: Runner, node: ast.Assert, frame: Frame) -> bool:
    test = run.value(run, node.test, frame)
    if not is_settled(test) and truth(test) is not True:
        raise Tells
    return True


_KINDS: dict[type[ast.stmt], Callable[..., bool]] = {
    ast.Expr: _expression,
    ast.Assign: _assignment,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _branch,
    ast.For: _loop,
    ast.While: _while,
    ast.Continue: _continue,
    ast.Break: _break,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.With: _with,
    ast.Try: _try,
    ast.FunctionDef: _function,
    ast.Delete: _delete,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Assert: _assert,
    ast.Global: _of_others,
    ast.Nonlocal: _of_others,
    ast.Pass: _import,
}
